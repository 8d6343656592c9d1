"""Does what a schedule says, when it is due."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.cluster import Cluster, name_of
from tests.chaos.schedule import ChangeMeters, Deploy, Fault, Freeze, Kill, Planned, Restart, Role, Scale

_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0
_NOTICED_SECONDS: Final = 8.0
"""By then a cluster has noticed that a broker was away, and does not call itself whole before it is."""


@dataclass
class Injection:
    """The faults of a run, done one after another.

    A broker is not hit before all brokers are back and have every record: of three one is away at most.
    Such a fault waits, a minute at most.

    Attributes:
        injected: What was done, by kind and role.
        skipped: What waited in vain.
    """

    cluster: Cluster
    due: list[Planned]
    say: Callable[[str], None]
    injected: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    _waiting: list[Planned] = field(default_factory=list)
    _look_at: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.due and not self._waiting

    def step(self, second: float) -> None:
        """Do what is due by this second of the run."""
        while self.due and self.due[0].at <= second:
            planned = self.due.pop(0)
            if _hits_a_broker(planned.fault):
                self._waiting.append(planned)
            else:
                self._inject(planned.fault, second)
        if self._waiting and second >= self._look_at:
            self._look_at = second + _LOOK_SECONDS
            self._try_the_brokers(second)

    def _try_the_brokers(self, second: float) -> None:
        if self.cluster.brokers_are_whole:
            fault = self._waiting.pop(0).fault
            self._look_at = second + _seconds_away(fault) + _NOTICED_SECONDS
            self._inject(fault, second)
        elif second - self._waiting[0].at > _PATIENCE_SECONDS:
            self.say(f"{second:6.1f} s  skipped, for the brokers are not whole: {self._waiting.pop(0).fault}")
            self.skipped += 1

    def _inject(self, fault: Fault, second: float) -> None:
        self.say(f"{second:6.1f} s  {fault}")
        self.injected[_kind(fault)] += 1
        fleet, now = self.cluster.fleet, time.monotonic()
        match fault:
            case Kill(role, number, down):
                fleet.kill(name_of(role, number), down)
            case Freeze(role, number, seconds):
                fleet.freeze(name_of(role, number), seconds, now)
            case Restart(role, number):
                fleet.restart(name_of(role, number), now)
            case Deploy(number):
                self.cluster.deploy(number)
            case Scale(workers):
                self.cluster.scale(workers)
            case ChangeMeters():
                self.cluster.change_meters()


def _hits_a_broker(fault: Fault) -> bool:
    return isinstance(fault, Kill | Freeze) and fault.role is Role.BROKER


def _seconds_away(fault: Fault) -> float:
    match fault:
        case Kill(_, _, seconds) | Freeze(_, _, seconds):
            return seconds
    return 0.0


def _kind(fault: Fault) -> str:
    name = type(fault).__name__.lower()
    return f"{name} {fault.role}" if isinstance(fault, Kill | Freeze | Restart) else name
