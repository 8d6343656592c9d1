from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.chaos.injection import Injection
from tests.chaos.schedule import ChangeMeters, Deploy, Freeze, Kill, KillAtPin, Planned, Restart, Role, Scale


@dataclass
class Recorder:
    """A cluster and its fleet, as far as an injection sees them: notes what it is told to do."""

    brokers_are_whole: bool = True
    pinned: dict[int, int] | None = field(default_factory=dict)
    done: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def fleet(self) -> "Recorder":
        return self

    def pins(self) -> dict[int, int] | None:
        return None if self.pinned is None else dict(self.pinned)

    def kill(self, name: str, down: float) -> None:
        self.done.append(("kill", name, down))

    def freeze(self, name: str, seconds: float, _now: float) -> None:
        self.done.append(("freeze", name, seconds))

    def restart(self, name: str, _now: float) -> None:
        self.done.append(("restart", name))

    def deploy(self, number: int) -> None:
        self.done.append(("deploy", number))

    def scale(self, workers: int) -> None:
        self.done.append(("scale", workers))

    def change_meters(self) -> None:
        self.done.append(("change meters",))


@pytest.fixture
def cluster() -> Recorder:
    return Recorder()


def injection(cluster: Recorder, *planned: Planned) -> Injection:
    return Injection(cluster, list(planned), say=lambda _line: None)


def test_every_kind_of_fault_is_done_when_it_is_due(cluster: Recorder) -> None:
    faults = [
        Kill(Role.WORKER, 2, 1.5),
        Freeze(Role.SINK, 1, 8.0),
        Restart(Role.WORKER, 1),
        Deploy(1),
        Scale(3),
        ChangeMeters(),
    ]
    injected = injection(cluster, *(Planned(second, fault) for second, fault in enumerate(faults, 1)))
    injected.step(3.5)
    assert cluster.done == [("kill", "worker-2", 1.5), ("freeze", "sink-1", 8.0), ("restart", "worker-1")]
    assert not injected.is_over
    injected.step(6)
    assert cluster.done[3:] == [("deploy", 1), ("scale", 3), ("change meters",)]
    assert injected.is_over
    assert injected.injected.total() == 6
    assert injected.injected["kill worker"] == 1


def test_a_broker_is_not_hit_before_all_brokers_are_whole(cluster: Recorder) -> None:
    cluster.brokers_are_whole = False
    injected = injection(cluster, Planned(1, Kill(Role.BROKER, 1, 0)), Planned(2, Kill(Role.WORKER, 1, 0)))
    injected.step(5)
    assert cluster.done == [("kill", "worker-1", 0)]
    cluster.brokers_are_whole = True
    injected.step(10)
    assert cluster.done[1:] == [("kill", "kafka-1", 0)]


def test_no_second_broker_is_hit_before_the_cluster_can_have_noticed_the_first(cluster: Recorder) -> None:
    injected = injection(cluster, Planned(1, Freeze(Role.BROKER, 1, 5)), Planned(2, Kill(Role.BROKER, 2, 0)))
    injected.step(1)
    injected.step(6)
    assert cluster.done == [("freeze", "kafka-1", 5)]
    injected.step(20)
    assert cluster.done[1:] == [("kill", "kafka-2", 0)]


def test_a_broker_fault_that_waits_for_a_minute_is_skipped_and_counted(cluster: Recorder) -> None:
    cluster.brokers_are_whole = False
    injected = injection(cluster, Planned(1, Kill(Role.BROKER, 1, 0)))
    injected.step(1)
    injected.step(50)
    assert not injected.is_over
    injected.step(62)
    assert injected.is_over
    assert injected.skipped == 1
    assert cluster.done == []


def test_a_worker_to_be_killed_at_a_pin_is_killed_when_the_next_chunk_is_pinned(cluster: Recorder) -> None:
    cluster.pinned = {0: 100, 1: 200}
    injected = injection(cluster, Planned(1, KillAtPin(1, 0)), Planned(1, KillAtPin(2, 0)))
    injected.step(2)
    cluster.pinned = None  # the brokers are away
    injected.step(3)
    cluster.pinned = {0: 100, 1: 300}
    injected.step(4)
    cluster.pinned = {0: 150, 1: 300}  # by now every partition was pinned once
    injected.step(5)
    injected.step(6)
    assert cluster.done == []
    cluster.pinned = {0: 150, 1: 400}
    injected.step(7)
    injected.step(8)
    injected.step(9)
    assert cluster.done == [("kill", "worker-1", 0)]
    cluster.pinned = {0: 200, 1: 500}
    injected.step(10)
    cluster.pinned = {0: 300, 1: 500}
    injected.step(11)
    assert cluster.done[1:] == [("kill", "worker-2", 0)]
    assert injected.is_over
