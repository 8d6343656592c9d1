"""What runs: brokers, ClickHouse, workers, the sessions worker and sinks, each a process of its own."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.admin import admin_client
from deploy.local.nodes import bootstrap_servers, cluster_brokers
from deploy.local.parts import clickhouse_part, clickhouse_url, cluster_parts
from deploy.local.ports import assign_ports
from deploy.local.process import Command
from deploy.local.readiness import clickhouse_answers
from deploy.local.statedir import StateDir
from deploy.settings import LocalSettings
from deploy.topics import apply_topics
from producers import apply_meters
from schemas import USAGE_EVENTS
from sinks.migrations import migrate
from tests.chaos.fleet import Fleet
from tests.chaos.home import Home
from tests.chaos.load import WINDOW
from tests.chaos.meters import first_meters
from tests.chaos.schedule import SESSION_SECONDS, Role, Size, name_of

ROOT: Final = Path(__file__).resolve().parents[2]
WORKER_GROUP: Final = "chaos-workers"
SESSIONS_GROUP: Final = "chaos-sessions"
SINK_GROUP: Final = "chaos-sinks"

PARTITIONS: Final = 4

_START_SECONDS: Final = 150.0
_POLL_SECONDS: Final = 0.05
_HEAP: Final = "256m"
# Brokers that start over and over are not worth the optimizing compiler.
_JAVA: Final = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}
_DEDUPE_RECORDS: Final = 2 * WINDOW
_DEDUPE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Chunks:
    """How the workers of a deployment cut chunks."""

    seconds: int
    records: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A worker to test: the Faust application, the chunks of its successive deployments, when it flushes."""

    application: str
    deployments: tuple[Chunks, ...]
    flush_seconds: float = 1.0


PINNED: Final = Policy("stream", (Chunks(10, 65_536), Chunks(7, 40_000)))
EARLY_PIN: Final = Policy("tests.chaos.early_pin", (Chunks(5, 16_384),), flush_seconds=4.0)
POLICIES: Final[Mapping[str, Policy]] = {"pinned": PINNED, "early-pin": EARLY_PIN}


@dataclass
class Cluster:
    """The processes of a run in its home."""

    home: Home
    size: Size
    policy: Policy
    say: Callable[[str], None]
    fleet: Fleet = field(init=False)
    servers: str = field(init=False)
    clickhouse_url: str = field(init=False)
    workers: int = 0
    _deployment: int = 0
    _admin: AdminClient = field(init=False)
    _group: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.home.logs, self.say)

    def start(self) -> None:
        """Bring everything up but the load; the meters are published then.

        Raises:
            DeployError, TimeoutError: something does not come up.
        """
        state = StateDir(self.home.path / "state")
        self._start_servers(state)
        self.await_brokers()
        apply_topics(self.servers, partitions=PARTITIONS, replication=min(3, self.size.brokers), timeout=60)
        self.await_brokers()
        apply_meters(self.servers, first_meters())
        self.await_that(lambda: clickhouse_answers(self._clickhouse_port), "ClickHouse answers")
        migrate(self.clickhouse_url)
        self.scale(self.size.workers)
        self._add(Role.SESSIONS, 1, self._faust("stream.sessions"))
        for number in range(1, self.size.sinks + 1):
            self._add(Role.SINK, number, lambda number=number: self._sink(number))

    def deploy(self, number: int) -> None:
        """Let whatever starts from now on have the settings of this deployment."""
        self._deployment = min(number, len(self.policy.deployments) - 1)

    def scale(self, workers: int) -> None:
        """Run so many workers."""
        now = time.monotonic()
        for number in range(self.workers + 1, workers + 1):
            self._add(Role.WORKER, number, lambda number=number: self._worker(number))
        for number in range(workers + 1, self.workers + 1):
            self.fleet.retire(name_of(Role.WORKER, number), now)
        self.workers = workers

    def start_load(self) -> None:
        """Start what publishes."""
        self._add_job(name_of(Role.LOAD, 1), "tests.chaos.load")

    def change_meters(self) -> None:
        """Start what publishes the changed meter."""
        self._add_job("change-meters", "tests.chaos.change_meters")

    def await_brokers(self) -> None:
        """Wait until every partition is on as many brokers as it must be."""
        self.await_that(lambda: self.brokers_are_whole, "all brokers answer and have every record")

    def pins(self) -> dict[int, int] | None:
        """The chunk each partition's owner has pinned; None while the brokers do not say."""
        partitions = [TopicPartition(USAGE_EVENTS, number) for number in range(PARTITIONS)]
        try:
            return {each.partition: each.offset for each in self._group.committed(partitions, timeout=0.5)}
        except KafkaException:
            return None

    @property
    def brokers_are_whole(self) -> bool:
        """Whether all brokers answer and no partition lacks a copy."""
        try:
            metadata = self._admin.list_topics(timeout=1)
        except KafkaException:
            return False
        return len(metadata.brokers) == self.size.brokers and all(
            partition.leader >= 0 and len(partition.isrs) == len(partition.replicas)
            for topic in metadata.topics.values()
            for partition in topic.partitions.values()
        )

    def await_that(self, condition: Callable[[], bool], what: str, seconds: float = _START_SECONDS) -> None:
        """Look after the processes until a condition holds.

        Raises:
            TimeoutError: it does not.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not so within {seconds:.0f} s: {what}; see {self.home.logs}")
            self.fleet.tick(time.monotonic())
            time.sleep(_POLL_SECONDS)

    def _start_servers(self, state: StateDir) -> None:
        brokers = cluster_brokers(state, self.size.brokers, _HEAP)
        self.servers = bootstrap_servers(brokers)
        self.home.servers.write_text(self.servers)
        self._admin = admin_client(self.servers)
        self._group = Consumer({"bootstrap.servers": self.servers, "group.id": WORKER_GROUP, "log_level": 0})
        for number, part in enumerate(cluster_parts(brokers, LocalSettings().cache_dir, self.say), 1):
            command = Command(part.command.arguments, _JAVA, part.command.directory)
            self._add(Role.BROKER, number, lambda command=command: command)
        port = assign_ports(state.ports, {"clickhouse": None})["clickhouse"]
        self._clickhouse_port, self.clickhouse_url = port, clickhouse_url(port)
        clickhouse = clickhouse_part(state.of("clickhouse"), port).command
        self._add(Role.CLICKHOUSE, 1, lambda: clickhouse)

    def _add(self, role: Role, number: int, command: Callable[[], Command]) -> None:
        self.fleet.add(name_of(role, number), command, time.monotonic())

    def _add_job(self, name: str, module: str) -> None:
        command = Command([sys.executable, "-m", module, str(self.home.path)], self._environment(name))
        self.fleet.add(name, lambda: command, time.monotonic(), is_job=True)

    def _worker(self, number: int) -> Command:
        chunks = self.policy.deployments[self._deployment]
        settings = {
            "METERSTREAM_CHUNK_SECONDS": str(chunks.seconds),
            "METERSTREAM_CHUNK_RECORDS": str(chunks.records),
            "METERSTREAM_FLUSH_SECONDS": str(self.policy.flush_seconds),
            "METERSTREAM_DEDUPE_RECORDS": str(_DEDUPE_RECORDS),
            "METERSTREAM_DEDUPE_SECONDS": str(_DEDUPE_SECONDS),
        }
        return self._faust(self.policy.application, name_of(Role.WORKER, number), settings)()

    def _faust(
        self, application: str, name: str = "sessions-1", settings: Mapping[str, str] | None = None
    ) -> Callable[[], Command]:
        faust = [sys.executable, "-m", "faust", "-A", application, "worker", "-l", "info", "--without-web"]
        return lambda: Command(faust, self._environment(name) | (settings or {}), self._directory(name))

    def _sink(self, number: int) -> Command:
        name = name_of(Role.SINK, number)
        return Command([sys.executable, "-m", "sinks"], self._environment(name), self._directory(name))

    def _directory(self, name: str) -> Path:
        directory = self.home.path / "work" / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _environment(self, name: str) -> dict[str, str]:
        return {
            "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "METERSTREAM_CLICKHOUSE_URL": self.clickhouse_url,
            "METERSTREAM_CONSUMER_GROUP": WORKER_GROUP,
            "METERSTREAM_SESSIONS_CONSUMER_GROUP": SESSIONS_GROUP,
            "METERSTREAM_SINK_GROUP": SINK_GROUP,
            "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": name,
            "METERSTREAM_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
