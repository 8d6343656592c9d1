"""Does what a schedule says, when it is due."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.cluster import Cluster
from tests.chaos.schedule import (
    ChangeMeters,
    Deploy,
    Fault,
    Freeze,
    Kill,
    KillAtPin,
    Planned,
    Restart,
    Role,
    Scale,
    name_of,
)

_PATIENCE_SECONDS: Final = 60.0
_BROKER_LOOK_SECONDS: Final = 1.0
_PIN_LOOK_SECONDS: Final = 0.05
_NOTICED_SECONDS: Final = 8.0
"""By then a cluster has noticed that a broker was away, and does not call itself whole before it is."""


@dataclass
class Queue:
    """Faults that wait for their moment, one after another.

    Attributes:
        moment: What they wait for, in words.
        has_come: Asked every `look_seconds` while something waits.
        rest: Seconds to leave after a fault before the next moment is looked for.
    """

    moment: str
    has_come: Callable[[], bool]
    look_seconds: float
    rest: Callable[[Fault], float] = lambda _fault: 0.0
    waiting: list[Planned] = field(default_factory=list)
    look_at: float = 0.0
    first_look: float | None = None

    def take(self, second: float) -> Fault | None:
        """The first fault, if this is its moment."""
        if not self.waiting or second < self.look_at:
            return None
        self.look_at = second + self.look_seconds
        if self.first_look is None:
            self.first_look = second
        if not self.has_come():
            return None
        fault = self._pop()
        self.look_at += self.rest(fault)
        return fault

    def give_up(self, second: float) -> Fault | None:
        """The first fault, if it has waited in vain."""
        if self.waiting and self.first_look is not None and second - self.first_look > _PATIENCE_SECONDS:
            return self._pop()
        return None

    def _pop(self) -> Fault:
        self.first_look = None
        return self.waiting.pop(0).fault


class PinWatch:
    """Sees when a chunk is pinned by workers that are at work: every partition was pinned once before that.

    Otherwise a worker that was killed at a pin would be killed at its next one again, and count nothing.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._at_first: dict[int, int] | None = None
        self._at_last: dict[int, int] | None = None

    def has_pinned(self) -> bool:
        """Whether a chunk was just pinned; the next time is another pin's."""
        pins, before = self._cluster.pins(), self._at_last
        if pins is None:
            return False
        if self._at_first is None:
            self._at_first = pins
        are_at_work = all(pin != self._at_first[partition] for partition, pin in pins.items())
        self._at_last = pins if are_at_work else None
        if before is None or before == pins:
            return False
        self._at_first = self._at_last = None
        return True


class Injection:
    """The faults of a run, done one after another.

    Some wait for their moment, a minute at most: a broker is not hit before all brokers are back and have
    every record (of three one is away at most), and a worker to be killed at a pin waits for one.

    Attributes:
        injected: What was done, by kind and role.
        skipped: What waited in vain.
    """

    def __init__(self, cluster: Cluster, faults: list[Planned], say: Callable[[str], None]) -> None:
        self.injected: Counter[str] = Counter()
        self.skipped = 0
        self._cluster = cluster
        self._due = list(faults)
        self._say = say
        self._brokers = Queue(
            "the brokers are not whole",
            lambda: cluster.brokers_are_whole,
            _BROKER_LOOK_SECONDS,
            lambda fault: _seconds_away(fault) + _NOTICED_SECONDS,
        )
        self._workers = Queue("no chunk was pinned", PinWatch(cluster).has_pinned, _PIN_LOOK_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self._due or self._brokers.waiting or self._workers.waiting)

    def end_of_load(self) -> None:
        """Leave out what waits for a pin: without records there are none."""
        self.skipped += len(self._workers.waiting)
        self._workers.waiting.clear()

    def step(self, second: float) -> None:
        """Do what is due by this second of the run."""
        while self._due and self._due[0].at <= second:
            planned = self._due.pop(0)
            queue = self._queue(planned.fault)
            if queue is None:
                self._inject(planned.fault, second)
            else:
                queue.waiting.append(planned)
        for queue in (self._brokers, self._workers):
            if (fault := queue.take(second)) is not None:
                self._inject(fault, second)
            elif (vain := queue.give_up(second)) is not None:
                self._say(f"{second:6.1f} s  skipped, for {queue.moment}: {vain}")
                self.skipped += 1

    def _queue(self, fault: Fault) -> Queue | None:
        if isinstance(fault, KillAtPin):
            return self._workers
        if isinstance(fault, Kill | Freeze) and fault.role is Role.BROKER:
            return self._brokers
        return None

    def _inject(self, fault: Fault, second: float) -> None:
        self._say(f"{second:6.1f} s  {fault}")
        self.injected[_kind(fault)] += 1
        fleet, now = self._cluster.fleet, time.monotonic()
        match fault:
            case Kill(role, number, down):
                fleet.kill(name_of(role, number), down)
            case KillAtPin(number, down):
                fleet.kill(name_of(Role.WORKER, number), down)
            case Freeze(role, number, seconds):
                fleet.freeze(name_of(role, number), seconds, now)
            case Restart(role, number):
                fleet.restart(name_of(role, number), now)
            case Deploy(number):
                self._cluster.deploy(number)
            case Scale(workers):
                self._cluster.scale(workers)
            case ChangeMeters():
                self._cluster.change_meters()


def _seconds_away(fault: Fault) -> float:
    match fault:
        case Kill(_, _, seconds) | Freeze(_, _, seconds):
            return seconds
    return 0.0


def _kind(fault: Fault) -> str:
    if isinstance(fault, KillAtPin):
        return f"kill {Role.WORKER} at a pin"
    name = type(fault).__name__.lower()
    return f"{name} {fault.role}" if isinstance(fault, Kill | Freeze | Restart) else name
