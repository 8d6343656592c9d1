"""Strategies: meters with their versions, settings that change, and how workers come through a log."""

from enum import Enum
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from stream.core.definitions import Aggregation, Definition

from .logs import ENVIRONMENTS, MINUTE, NAMES, NOW, TENANTS, make_log
from .plain_fold import History, Settings

_FILTER_VALUES = ("a", "1", "true", "2.5", "7", "")
_NUMERIC = [each for each in Aggregation if each not in (Aggregation.COUNT, Aggregation.DURATION)]
_EFFECTIVE = (0, NOW - 90 * MINUTE, NOW - MINUTE, NOW, NOW + 1, NOW + MINUTE)


def _definition(chance: Random) -> Definition:
    version = chance.randint(1, 3)
    return Definition(
        tenant_id=chance.choice((*"****", *TENANTS)),
        environment_id=chance.choice((*"****", *ENVIRONMENTS)),
        meter_id=chance.choice(("m1", "m2", "m3", "m4", "m5")),
        meter_version=version,
        event_name=chance.choice((*NAMES[:1] * 2, *NAMES)),
        aggregation=chance.choice([*Aggregation, *_NUMERIC]),
        field=chance.choice((*["units"] * 9, "model", "total_usage")),
        filters=_filters(chance),
        group_by=chance.choice(((), (), (), ("model",), ("flag", "model"))),
        window_ms=chance.choice((MINUTE, MINUTE, 60 * MINUTE, 10_000, 1_440 * MINUTE)),
        unit="",
        effective_from=0 if version == 1 else chance.choice(_EFFECTIVE),
        published=chance.random() < 0.9,
    )


def _filters(chance: Random) -> tuple[tuple[str, frozenset[str]], ...]:
    if chance.random() < 0.6:
        return ()
    keys = chance.sample(("model", "flag", "units"), chance.randint(1, 2))
    return tuple(
        (key, frozenset(chance.sample(_FILTER_VALUES, chance.randint(1, len(_FILTER_VALUES)))))
        for key in keys
    )


def _settings(chance: Random) -> Settings:
    return Settings(
        (chance.choice((16, 8, 40, 1_000, 3)), chance.choice((3_600, 60, 5))),
        (chance.choice((15, 7, 20, 1_000, 2)), chance.choice((3_600, 60, 7))),
    )


def _history(chance: Random, length: int) -> History:
    """Return a log with the meters published and the settings deployed while it grew."""
    log = make_log(chance, length)
    first = log[0].offset
    named = {
        (one.tenant_id, one.environment_id, one.meter_id, one.meter_version): one
        for one in (_definition(chance) for _ in range(chance.randint(1, 24)))
    }
    published = [
        (chance.choice((first, first, chance.choice(log).offset)), definition)
        for definition in named.values()
    ]
    deployments = [(chance.choice(log).offset, _settings(chance)) for _ in range(chance.randint(0, 2))]
    return History(
        log,
        [(0, _settings(chance)), *sorted(deployments, key=lambda one: one[0])],
        sorted(published, key=lambda one: one[0]),
    )


histories = st.builds(_history, st.integers(0, 2**64).map(Random), st.integers(1, 90))
"""Each comes of two numbers: drawing every field would find no more in the time, and shrink for minutes."""


class Fate(Enum):
    """What becomes of a worker once it has counted a batch."""

    GOES_ON = "it goes on, its rows unsent"
    FLUSHES = "it sends what changed"
    DIES_SILENT = "it dies before it sends anything"
    DIES_HALF_SENT = "it dies, and half of what it sends is stored"
    DIES_SENT_LATE = "it dies, and what it sends is stored long after"


class Step(NamedTuple):
    """A batch of so many records, and the worker's fate after it."""

    records: int
    fate: Fate


UNINTERRUPTED = [Step(1_000_000, Fate.GOES_ON)]

journeys = st.lists(
    st.builds(Step, st.sampled_from((1, 2, 3, 5, 8, 13, 21)), st.sampled_from(Fate)), min_size=1, max_size=15
)
"""What happens first; after the last step nobody dies any more."""
