"""The events of the benchmark: an hour of usage by a thousand customers, the same in every run.

Three event names, of which one matches no meter; a twentieth of the events up to half a minute late; one in a
hundred a repeat of one of the last 10,000 records, byte for byte and in the same partition.
"""

import random
import time
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from math import ceil
from typing import Final, NamedTuple

import orjson

from schemas import message_key

CUSTOMERS: Final = 1_000
TENANTS: Final = 20
REPEAT_SHARE: Final = 0.01
REPEAT_DISTANCE: Final = 10_000
END_EVENT: Final = "bench.end"
_REPEATS_IN_A_ROW: Final = 4

START: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
SPAN_SECONDS: Final = 3_600

_NAMES: Final = (
    ("llm.tokens", 0.5),
    ("api.call", 0.3),
    ("storage.write", 0.2),
)
_MODELS: Final = ("gpt-4", "claude-3", "llama-3", "mistral-l")
_REGIONS: Final = ("eu", "us", "ap")
_LATE_SHARE: Final = 0.05
_SECONDS_LATE: Final = 2
_MOST_SECONDS_LATE: Final = 30
_IDS: Final = [(f"t{each % TENANTS}", f"c{each}") for each in range(CUSTOMERS)]
_KEYS: Final = [message_key(*ids) for ids in _IDS]


class Event(NamedTuple):
    """One usage event as it was made up; `timestamp` is epoch seconds."""

    number: int
    name: str
    customer: int
    timestamp: int
    model: str
    tokens: int
    region: str

    @property
    def tenant_id(self) -> str:
        return _IDS[self.customer][0]

    @property
    def customer_id(self) -> str:
        return _IDS[self.customer][1]

    @property
    def key(self) -> bytes:
        return _KEYS[self.customer]

    def value(self) -> bytes:
        """The UsageEvent on the wire, about 180 bytes."""
        properties = {"model": self.model, "tokens": str(self.tokens), "region": self.region}
        return orjson.dumps(
            {
                "event_id": f"e{self.number}",
                "event_name": self.name,
                "customer_id": self.customer_id,
                "tenant_id": self.tenant_id,
                "timestamp": _text(self.timestamp),
                "properties": properties,
            }
        )


@lru_cache(maxsize=SPAN_SECONDS)
def _text(timestamp: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(timestamp))


def events(count: int, seed: int = 7) -> Iterator[tuple[Event, bool]]:
    """Yield each event in the order of publishing, and whether it is a repeat."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / (1 + each / 100) for each in range(CUSTOMERS)))  # a mild skew
    recent: list[Event] = []
    for number in range(count):
        repeated = bool(recent) and chance.random() < REPEAT_SHARE
        event = chance.choice(recent) if repeated else _event(chance, weights, number, count)
        if len(recent) < REPEAT_DISTANCE:
            recent.append(event)
        else:
            recent[number % REPEAT_DISTANCE] = event
        yield event, repeated


def lateness_seconds(count: int) -> int:
    """How far behind the newest event another may be, where so many were published: a late one, repeated.

    Whoever closes windows must wait so long, or drops some. A repeat may itself be repeated, but one in ten
    billion is five times in a row.
    """
    repeated = _REPEATS_IN_A_ROW * REPEAT_DISTANCE * SPAN_SECONDS / count
    return _MOST_SECONDS_LATE + ceil(repeated)


def closing_event(partition: int) -> Event:
    """The last event of a partition, hours after all others and of no meter.

    Stream processors that emit a window once it is closed never emit the last ones without it.
    """
    return Event(
        number=-1 - partition,
        name=END_EVENT,
        customer=0,
        timestamp=START + 3 * SPAN_SECONDS,
        model=_MODELS[-1],
        tokens=0,
        region=_REGIONS[-1],
    )


def _event(chance: random.Random, weights: list[float], number: int, count: int) -> Event:
    late = chance.random() * (_MOST_SECONDS_LATE if chance.random() < _LATE_SHARE else _SECONDS_LATE)
    return Event(
        number=number,
        name=_name(chance.random()),
        customer=bisect(weights, chance.random() * weights[-1], hi=CUSTOMERS - 1),
        timestamp=START + max(0, int(number * SPAN_SECONDS / count - late)),
        model=_MODELS[int(chance.random() * len(_MODELS))],
        tokens=1 + int(chance.random() * 2_000),
        region=_REGIONS[int(chance.random() * len(_REGIONS))],
    )


def _name(draw: float) -> str:
    for name, share in _NAMES:
        if draw < share:
            return name
        draw -= share
    return _NAMES[-1][0]
