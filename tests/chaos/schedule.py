"""What goes wrong, and when: a function of the seed, so that a run can be repeated."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SESSION_SECONDS: Final = 6
"""Session timeout of the workers: the least a broker allows."""


class Role(StrEnum):
    """What a process does."""

    WORKER = "worker"
    SESSIONS = "sessions"
    SINK = "sink"
    CLICKHOUSE = "clickhouse"
    BROKER = "kafka"
    LOAD = "load"


def name_of(role: Role, number: int) -> str:
    """The name of a process."""
    return f"{role}-{number}"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, and a start again after `down` seconds."""

    role: Role
    number: int
    down: float

    def __str__(self) -> str:
        """What happens, for people."""
        return f"kill {name_of(self.role, self.number)}, back after {self.down:.1f} s"


@dataclass(frozen=True, slots=True)
class KillAtPin:
    """SIGKILL to a worker as soon as a chunk was pinned: the moment at which an early pin loses most."""

    number: int
    down: float

    def __str__(self) -> str:
        """What happens, for people."""
        return f"kill {name_of(Role.WORKER, self.number)} at a pin, back after {self.down:.1f} s"


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP, and SIGCONT after so many seconds."""

    role: Role
    number: int
    seconds: float

    def __str__(self) -> str:
        """What happens, for people."""
        return f"stop {name_of(self.role, self.number)} for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Restart:
    """SIGTERM, and a start again, by the settings of the newest deployment."""

    role: Role
    number: int

    def __str__(self) -> str:
        """What happens, for people."""
        return f"restart {name_of(self.role, self.number)}"


@dataclass(frozen=True, slots=True)
class Deploy:
    """From now on whatever starts has the settings of this number."""

    number: int

    def __str__(self) -> str:
        """What happens, for people."""
        return f"deploy settings {self.number}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Run so many workers: new ones are started, the last ones end by SIGTERM."""

    workers: int

    def __str__(self) -> str:
        """What happens, for people."""
        return f"run {self.workers} workers"


@dataclass(frozen=True, slots=True)
class ChangeMeters:
    """Publish the changed meter definition."""

    def __str__(self) -> str:
        """What happens, for people."""
        return "change a meter"


Fault = Kill | KillAtPin | Freeze | Restart | Deploy | Scale | ChangeMeters


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and the second of the run at which it is due."""

    at: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class Size:
    """How many processes of a role there are at first."""

    brokers: int = 1
    workers: int = 1
    sinks: int = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How often processes of one role are hit, and how.

    Attributes:
        least: Seconds from the end of one fault to the next, at least.
        most: And at most.
        kills: The share of SIGKILL; the others are stopped for a while.
        at_pin: Of those, the share that comes when a chunk was just pinned.
        recovery: Seconds until a process is of use again, as a rule; the rest begins after it.
    """

    least: float
    most: float
    kills: float = 0.5
    at_pin: float = 0.0
    recovery: float = 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a schedule is drawn from.

    Attributes:
        scales: Worker counts, each from a share of the run on.
        deploy_at: The share of the run at which new settings are deployed, worker by worker.
    """

    paces: Mapping[Role, Pace]
    scales: tuple[tuple[float, int], ...] = ()
    deploy_at: float | None = None

    def workers(self, share: float, at_first: int) -> int:
        """How many workers run at a share of the run."""
        return next((count for since, count in reversed(self.scales) if share >= since), at_first)


EVERYTHING: Final = Profile(
    paces={
        Role.WORKER: Pace(6, 20, kills=0.6, at_pin=0.5),
        Role.SESSIONS: Pace(25, 50),
        Role.SINK: Pace(10, 30),
        Role.CLICKHOUSE: Pace(20, 40, recovery=5),
        # A broker must have caught up before the next is hit.
        Role.BROKER: Pace(25, 45, kills=0.7, recovery=10),
        Role.LOAD: Pace(20, 40, kills=1),
    },
    scales=((0.3, 3), (0.7, 2)),
    deploy_at=0.5,
)
KILLED_WORKERS: Final = Profile({Role.WORKER: Pace(2, 6, kills=1, at_pin=1, recovery=4)})
"""What finds a worker that commits too early."""

CHANGE_AT: Final = 0.4
"""The share of the run at which the meters change."""

_ZOMBIE: Final = (SESSION_SECONDS + 2.0, SESSION_SECONDS + 6.0)
_HICCUP: Final = (0.5, 3.0)
_DEPLOY_STEP_SECONDS: Final = 5.0


def schedule(seed: int, seconds: float, size: Size, profile: Profile = EVERYTHING) -> list[Planned]:
    """All faults of a run, in order; within a role one at a time, so one broker of three is away at most.

    With one broker it is that one which goes and comes back.
    """
    run = _Run(seconds, size, profile)
    rng = random.Random(seed)
    planned = [Planned(seconds * CHANGE_AT, ChangeMeters())]
    planned += [Planned(seconds * share, Scale(workers)) for share, workers in profile.scales]
    planned += run.deployment()
    for role, pace in profile.paces.items():
        planned += run.faults(role, pace, random.Random(rng.random()))
    return sorted(planned, key=lambda each: each.at)


@dataclass(frozen=True)
class _Run:
    seconds: float
    size: Size
    profile: Profile

    def _count(self, role: Role, at: float) -> int:
        if role is Role.WORKER:
            return self.profile.workers(at / self.seconds, self.size.workers)
        return {Role.SINK: self.size.sinks, Role.BROKER: self.size.brokers}.get(role, 1)

    def deployment(self) -> Iterator[Planned]:
        if self.profile.deploy_at is None:
            return
        at = self.seconds * self.profile.deploy_at
        yield Planned(at, Deploy(1))
        rolling = [
            (role, number)
            for role in (Role.WORKER, Role.SINK)
            for number in range(1, self._count(role, at) + 1)
        ]
        for step, (role, number) in enumerate(rolling):
            yield Planned(at + step * _DEPLOY_STEP_SECONDS, Restart(role, number))

    def faults(self, role: Role, pace: Pace, rng: random.Random) -> Iterator[Planned]:
        at = rng.uniform(pace.least, pace.most) / 2
        while at < self.seconds:
            fault, lasts = _fault(role, rng.randint(1, self._count(role, at)), pace, rng)
            yield Planned(at, fault)
            at += lasts + pace.recovery + rng.uniform(pace.least, pace.most)


def _fault(role: Role, number: int, pace: Pace, rng: random.Random) -> tuple[Fault, float]:
    if rng.random() < pace.kills:
        down = rng.uniform(0, 3)
        at_pin = role is Role.WORKER and rng.random() < pace.at_pin
        return (KillAtPin(number, down) if at_pin else Kill(role, number, down)), down
    frozen = rng.uniform(*rng.choice((_ZOMBIE, _ZOMBIE, _HICCUP)))
    return Freeze(role, number, frozen), frozen
