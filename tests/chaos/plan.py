"""What a run publishes: event `n` is a function of the plan, so any process may send any of them again."""

import json
import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

SLOTS: Final = 200
"""Events are laid out in blocks of so many; within a block, a slot has one kind."""
CUSTOMERS: Final = 24
TENANTS: Final = ("acme", "globex", "initech")
MODELS: Final = ("large", "small", "tiny")
REGIONS: Final = ("eu", "us", "ap")

MAX_REPEAT_DISTANCE: Final = 10_000

_RARE_BLOCKS: Final = {"malformed": 10, "partial": 10, "session": 40}
_SESSION_END_BLOCKS: Final = 7
"""So many blocks after its start a session ends."""
_LATE_HOURS: Final = (1, 2, 5, 24, 48, 72)
_HOUR_MS: Final = 3_600_000
_LATE_SLOTS: Final = 6  # 3 in 100
_NOISE_SLOTS: Final = 10
_REPEAT_SLOTS: Final = 8
_REPEAT_BLOCKS: Final = 40


class Kind(StrEnum):
    """What a record is."""

    CALL = "call"  # usage that the meters count
    LATE = "late"  # the same, hours or days old
    REPEAT = "repeat"  # an earlier event once more
    NOISE = "noise"  # no meter counts it
    MALFORMED = "malformed"  # no JSON
    PARTIAL = "partial"  # one meter cannot use it, another can
    SESSION_START = "session start"
    SESSION_END = "session end"


@dataclass(frozen=True)
class Plan:
    """The whole of what is published; times are epoch milliseconds.

    Attributes:
        base: The moment event 0 happens.
        rate: Events a second.
        events: How many there are.
        change: The first event published after the definitions changed.
    """

    seed: int
    base: int
    rate: int
    events: int
    change: int

    def moment(self, n: int) -> int:
        """When event `n` happens and may be published, not before."""
        return self.base + n * 1000 // self.rate

    @property
    def changed_from(self) -> int:
        """The event time from which the changed definition counts: later than every event before `change`."""
        return self.moment(self.change - 1) + 1

    @cached_property
    def layout(self) -> tuple[Kind, ...]:
        """The kind of each slot of a block; the rare ones are themselves in some blocks only."""
        counted = {
            Kind.LATE: _LATE_SLOTS,
            Kind.NOISE: _NOISE_SLOTS,
            Kind.REPEAT: _REPEAT_SLOTS,
            Kind.MALFORMED: 1,
            Kind.PARTIAL: 1,
            Kind.SESSION_START: 1,
        }
        kinds = [kind for kind, count in counted.items() for _ in range(count)]
        kinds += [Kind.CALL] * (SLOTS - len(kinds) - 1)
        random.Random(self.seed).shuffle(kinds)
        return (Kind.CALL, *kinds)  # the first slot is what repeats fall back on

    def kind(self, n: int) -> Kind:
        """What event `n` is."""
        block, slot = divmod(n, SLOTS)
        kind = self.layout[slot]
        if kind is Kind.MALFORMED and block % _RARE_BLOCKS["malformed"] != 3:
            return Kind.CALL
        if kind is Kind.PARTIAL and block % _RARE_BLOCKS["partial"] != 5:
            return Kind.CALL
        if kind is Kind.SESSION_START:
            return _session_kind(block % _RARE_BLOCKS["session"])
        return kind

    def original(self, n: int) -> int:
        """The event that repeat `n` is a copy of, less than MAX_REPEAT_DISTANCE before it."""
        block, slot = divmod(n, SLOTS)
        back = mixed(self.seed, n) % _REPEAT_BLOCKS
        originals = [earlier for earlier in range(slot) if self.layout[earlier] in (Kind.CALL, Kind.LATE)]
        return (block - min(back, block)) * SLOTS + originals[mixed(self.seed, n + 1) % len(originals)]

    def customer(self, n: int) -> int:
        """The number of the customer who did it."""
        return mixed(self.seed, n) % CUSTOMERS

    def timestamp(self, n: int) -> int:
        """The event time of `n`."""
        if self.layout[n % SLOTS] is Kind.LATE:
            return (
                self.moment(n) - _LATE_HOURS[mixed(self.seed, n) // CUSTOMERS % len(_LATE_HOURS)] * _HOUR_MS
            )
        return self.moment(n)

    def session(self, n: int) -> "PlannedSession":
        """The session whose start or end event `n` is."""
        block, slot = divmod(n, SLOTS)
        number = block // _RARE_BLOCKS["session"]
        end = (number * _RARE_BLOCKS["session"] + _SESSION_END_BLOCKS) * SLOTS + slot
        ended = self.moment(end)
        duration = 1 + mixed(self.seed, number) % (2 * _HOUR_MS)
        return PlannedSession(number, mixed(self.seed, number) % CUSTOMERS, ended - duration, ended)

    def save(self, path: Path) -> None:
        """Write it where other processes read it."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class PlannedSession:
    """An AI session: its number, its customer's, and its span in epoch milliseconds."""

    number: int
    customer: int
    start: int
    end: int


def mixed(seed: int, n: int) -> int:
    """A number below 2**31 that looks random, the same for the same two; no generator is as cheap."""
    return ((n * 2_654_435_761 + seed * 40_503) ^ (n >> 7)) * 2_246_822_519 >> 13 & 0x7FFFFFFF


def tenant_of(customer: int) -> str:
    """The tenant a customer belongs to."""
    return TENANTS[customer % len(TENANTS)]


def _session_kind(block: int) -> Kind:
    if block == 0:
        return Kind.SESSION_START
    return Kind.SESSION_END if block == _SESSION_END_BLOCKS else Kind.CALL
