"""The broker goes away and comes back, and workers are told to end: nothing is lost, nobody hangs.

The broker is these tests' own.
"""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import Broker
from deploy.local.part import Part
from deploy.local.parts import kafka_part
from deploy.local.ports import assign_ports
from deploy.local.process import start
from deploy.local.readiness import kafka_answers
from deploy.local.statedir import StateDir
from deploy.settings import LocalSettings
from deploy.topics import apply_topics

DRAIN_SECONDS = 10


@dataclass
class OwnBroker:
    """A broker that can be taken away."""

    address: str
    part: Part
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, eventually: Any) -> None:
        self.process = start(self.part.command, self.log)
        eventually(lambda: kafka_answers(self.address), within=120)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@pytest.fixture
def broker(tmp_path: Path, eventually: Any) -> Iterator[OwnBroker]:
    state = StateDir(tmp_path / "broker")
    ports = assign_ports(state.ports, {"kafka": None, "kafka_controller": None})
    settings = Broker(state.of("kafka"), ports["kafka"], ports["kafka_controller"], "256m")
    part = kafka_part(settings, LocalSettings().cache_dir, lambda _line: None)
    own = OwnBroker(settings.bootstrap_servers, part, tmp_path / "kafka.log")
    own.start(eventually)
    apply_topics(own.address, partitions=2)
    yield own
    own.kill()


def test_a_worker_lives_through_the_death_of_its_broker_and_counts_on(
    broker: OwnBroker, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(broker.address, "acme"), new_rollups(broker.address, "acme")
    worker = start_worker(broker.address, "worker")
    usage.publish(2_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    usage.publish(2_000)
    broker.kill()
    eventually(lambda: worker.says("Marking the coordinator dead") or worker.says("Unable to"), within=60)
    broker.start(eventually)
    usage.publish(2_000)

    eventually(lambda: rollups.counted() == usage.expected, within=90)
    assert worker.process.poll() is None


def test_a_worker_started_before_its_broker_waits_for_it(
    broker: OwnBroker, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(broker.address, "acme"), new_rollups(broker.address, "acme")
    usage.publish(1_000)
    broker.kill()
    worker, other = start_worker(broker.address, "worker"), start_worker(broker.address, "other")
    eventually(
        lambda: worker.says("waiting for the broker") and other.says("waiting for the broker"), within=60
    )
    other.process.terminate()
    other.process.wait(DRAIN_SECONDS)
    broker.start(eventually)

    eventually(lambda: rollups.counted() == usage.expected, within=90)
    assert worker.process.poll() is None


def test_a_worker_told_to_end_does_so_within_ten_seconds_and_the_next_one_counts_on(
    broker: OwnBroker, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(broker.address, "acme"), new_rollups(broker.address, "acme")
    worker = start_worker(broker.address, "worker")
    usage.publish(2_000)
    eventually(rollups.counted, within=60)
    usage.publish(20_000)
    worker.process.terminate()
    usage.publish(2_000)
    assert worker.process.wait(DRAIN_SECONDS) == 0

    start_worker(broker.address, "worker")
    eventually(lambda: rollups.counted() == usage.expected, within=60)


def test_a_worker_told_to_end_does_so_though_its_broker_is_gone(
    broker: OwnBroker, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(broker.address, "acme"), new_rollups(broker.address, "acme")
    workers = [start_worker(broker.address, name) for name in ("one", "two")]
    usage.publish(2_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    broker.kill()
    for worker in workers:
        eventually(lambda worker=worker: worker.says("Marking the coordinator dead"), within=60)
        worker.process.terminate()
    for worker in workers:
        worker.process.wait(DRAIN_SECONDS)


def test_a_worker_told_to_end_does_so_though_its_broker_does_not_answer(
    broker: OwnBroker, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(broker.address, "acme"), new_rollups(broker.address, "acme")
    worker = start_worker(broker.address, "worker", FLUSH_SECONDS="2")
    usage.publish(2_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    broker.send(signal.SIGSTOP)
    try:
        worker.process.terminate()
        worker.process.wait(DRAIN_SECONDS)
    finally:
        broker.send(signal.SIGCONT)
    start_worker(broker.address, "worker")
    usage.publish(2_000)
    eventually(lambda: rollups.counted() == usage.expected, within=90)
