"""Strategies: meters with their versions, settings that change, and how workers come through a log."""

from enum import Enum
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from stream.core.definitions import Aggregation, Definition

from .logs import ENVIRONMENTS, MINUTE, NAMES, NOW, SEEDS, TENANTS, logs
from .plain_fold import History, Settings

_FILTER_VALUES = ("a", "1", "true", "2.5", "7", "")
_EFFECTIVE = (0, NOW - 90 * MINUTE, NOW - MINUTE, NOW, NOW + 1, NOW + MINUTE)


def _definition(chance: Random) -> Definition:
    version = chance.randint(1, 3)
    return Definition(
        tenant_id=chance.choice((*"****", *TENANTS)),
        environment_id=chance.choice((*"****", *ENVIRONMENTS)),
        meter_id=chance.choice(("m1", "m2", "m3", "m4", "m5")),
        meter_version=version,
        event_name=chance.choice(NAMES),
        aggregation=chance.choice(list(Aggregation)),
        field=chance.choice((*["units"] * 9, "model", "total_usage")),
        filters=_filters(chance),
        group_by=chance.choice(((), (), ("model",), ("flag", "model"))),
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


_settings = st.builds(
    Settings,
    st.tuples(st.sampled_from((16, 6, 10, 25, 1_000, 1)), st.sampled_from((3_600, 60, 5))),
    st.tuples(st.sampled_from((15, 6, 10, 20, 1_000, 1)), st.sampled_from((3_600, 60, 7))),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A log with the meters published and the settings deployed while it grew."""
    log = draw(logs)
    moments = st.sampled_from([log[0].offset, *(record.offset for record in log)])
    definitions = map(_definition, map(Random, draw(st.lists(SEEDS, min_size=8, max_size=24))))
    named = {(one.tenant_id, one.environment_id, one.meter_id, one.meter_version): one for one in definitions}
    at_first = draw(st.integers(0, len(named)))
    published = [(log[0].offset, one) for one in list(named.values())[:at_first]]
    published += [(draw(moments), one) for one in list(named.values())[at_first:]]
    deployments = draw(st.lists(st.tuples(moments, _settings), max_size=2))
    return History(
        log,
        [(0, draw(_settings)), *sorted(deployments, key=lambda one: one[0])],
        sorted(published, key=lambda one: one[0]),
    )


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
