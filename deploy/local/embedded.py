"""Servers of the embedded stack alone, for as long as a block of code runs: for tests and benchmarks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.kafka import Broker
from deploy.local.nodes import bootstrap_servers, cluster_brokers
from deploy.local.part import Part
from deploy.local.parts import clickhouse_part, clickhouse_url, cluster_parts, kafka_part
from deploy.local.ports import assign_ports
from deploy.local.statedir import StateDir
from deploy.local.supervisor import Supervisor
from deploy.settings import LocalSettings

_STARTUP_SECONDS: Final = 120.0


@contextmanager
def embedded_kafka(directory: Path, *, heap: str = "256m") -> Iterator[str]:
    """A broker with its data in `directory`; gives its bootstrap servers. `heap` is Java's -Xmx.

    Raises:
        DeployError: it does not come up.
    """
    state = StateDir(directory.absolute())
    ports = assign_ports(state.ports, {"kafka": None, "kafka_controller": None})
    broker = Broker(state.of("kafka"), ports["kafka"], ports["kafka_controller"], heap)
    with _running([kafka_part(broker, LocalSettings().cache_dir, _say_nothing)], state.logs):
        yield broker.bootstrap_servers


@contextmanager
def embedded_cluster(directory: Path, *, nodes: int = 3, heap: str = "256m") -> Iterator[str]:
    """A cluster of brokers with its data in `directory`; gives the bootstrap servers of all of them.

    Of three nodes or more, topics have three copies, two of which must be written. `heap` is each one's -Xmx.

    Raises:
        DeployError: it does not come up.
    """
    state = StateDir(directory.absolute())
    brokers = cluster_brokers(state, nodes, heap)
    with _running(cluster_parts(brokers, LocalSettings().cache_dir, _say_nothing), state.logs):
        yield bootstrap_servers(brokers)


@contextmanager
def embedded_clickhouse(directory: Path) -> Iterator[str]:
    """A ClickHouse with its data in `directory`; gives its URL.

    Raises:
        DeployError: it does not come up.
    """
    state = StateDir(directory.absolute())
    port = assign_ports(state.ports, {"clickhouse": None})["clickhouse"]
    with _running([clickhouse_part(state.of("clickhouse"), port)], state.logs):
        yield clickhouse_url(port)


@contextmanager
def _running(parts: list[Part], logs: Path) -> Iterator[None]:
    with Supervisor(logs, say=_say_nothing) as supervisor:
        for part in parts:
            supervisor.start(part)
        supervisor.await_ready(_STARTUP_SECONDS)
        yield


def _say_nothing(_line: str) -> None:
    pass
