"""A real Apache Kafka broker in one directory: its own controller, or one of the nodes of a cluster."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.errors import PartError
from deploy.local.java import Java
from deploy.local.ports import HOST
from deploy.local.process import Command, bound
from deploy.replication import min_in_sync

_FORMAT_SECONDS: Final = 60
_YEAR_MINUTES: Final = 365 * 24 * 60
_PROPERTIES: Final = "server.properties"
_LOGGING: Final = "log4j2.properties"

_SETTINGS: Final[Mapping[str, object]] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # Relative to the directory the broker runs in: a path of any spelling needs no escape.
    "log.dirs": "data",
    # A consumer's metadata request would make a deleted topic anew.
    "auto.create.topics.enable": "false",
    "num.partitions": 4,
    # A group of one member need not wait for others.
    "group.initial.rebalance.delay.ms": 0,
    # A stack that stood still for weeks must find its pins: without them it would have to skip.
    "offsets.retention.minutes": _YEAR_MINUTES,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 1,
    # A broker that was killed is not let in again before its session ends, 9 s by default.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
    # After a crash the broker reads every active segment from its start.
    "log.segment.bytes": 128 * 1024 * 1024,
    "num.recovery.threads.per.data.dir": 2,
    # Its default of 128 MB would be half of a small heap; it holds the keys of one compaction.
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
}

# The only voter has nobody to wait for; among several, haste makes elections that nobody wins.
_SOLE_VOTER: Final[Mapping[str, object]] = {
    "controller.quorum.election.timeout.ms": 100,
    "controller.quorum.election.backoff.max.ms": 50,
}

_REPLICATED: Final = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
)
_IN_SYNC: Final = (
    "min.insync.replicas",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.min.isr",
)
_MOST_REPLICAS: Final = 3

_LOG4J: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %m (%c{1})%n%throwable
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.settings.name = org.apache.kafka.common.config
logger.settings.level = warn
logger.kafka_settings.name = kafka.server.KafkaConfig
logger.kafka_settings.level = warn
"""


@dataclass(frozen=True, slots=True)
class Voter:
    """A node of a cluster as the others reach its controller."""

    node_id: int
    controller_port: int

    def __str__(self) -> str:
        """As `controller.quorum.voters` names it."""
        return f"{self.node_id}@{HOST}:{self.controller_port}"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker keeps its files and listens; `heap` is Java's -Xmx.

    `others` are the rest of its cluster, each of which is broker and controller as well. Nodes of one cluster
    share its `cluster_id`; a broker alone makes one when it is formatted.
    """

    directory: Path
    port: int
    controller_port: int
    heap: str = "512m"
    node_id: int = 1
    others: tuple[Voter, ...] = ()
    cluster_id: str | None = None

    @property
    def voters(self) -> tuple[Voter, ...]:
        """All nodes of its cluster, itself among them."""
        own = Voter(self.node_id, self.controller_port)
        return tuple(sorted((own, *self.others), key=lambda voter: voter.node_id))

    @property
    def replicas(self) -> int:
        """Copies of each partition that its cluster keeps unless told otherwise."""
        return min(_MOST_REPLICAS, len(self.voters))

    @property
    def bootstrap_servers(self) -> str:
        """What clients are given."""
        return f"{HOST}:{self.port}"

    @property
    def is_formatted(self) -> bool:
        """Whether its storage is ready; Kafka writes this file last."""
        return (self.directory / "data" / "meta.properties").is_file()


def server_properties(broker: Broker) -> str:
    """The broker's configuration file."""
    settings: dict[str, object] = {
        **_SETTINGS,
        **({} if broker.others else _SOLE_VOTER),
        **dict.fromkeys(_REPLICATED, broker.replicas),
        **dict.fromkeys(_IN_SYNC, min_in_sync(broker.replicas)),
        "node.id": broker.node_id,
        "listeners": f"PLAINTEXT://{HOST}:{broker.port},CONTROLLER://{HOST}:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{broker.bootstrap_servers}",
        "controller.quorum.voters": ",".join(map(str, broker.voters)),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def prepare(broker: Broker, java: Java, jars: list[Path]) -> None:
    """Write the broker's configuration and, the first time, format its storage.

    Raises:
        PartError: Kafka refuses to format it.
    """
    temporary = broker.directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    for unpacked in temporary.glob("*"):
        # Native libraries of compression codecs, unpacked anew by each run.
        unpacked.unlink(missing_ok=True)
    (broker.directory / _PROPERTIES).write_text(server_properties(broker))
    (broker.directory / _LOGGING).write_text(_LOG4J)
    if not broker.is_formatted:
        _format(broker, java, jars)


def broker_command(broker: Broker, java: Java, jars: list[Path]) -> Command:
    """What runs the broker, once it is prepared."""
    arguments = _java(broker, java, jars, f"-Xmx{broker.heap}")
    return Command([*arguments, "kafka.Kafka", _PROPERTIES], directory=broker.directory)


def new_cluster_id() -> str:
    """A random id in Kafka's own form: a UUID in unpadded URL-safe base 64."""
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _format(broker: Broker, java: Java, jars: list[Path]) -> None:
    cluster_id = broker.cluster_id or new_cluster_id()
    arguments = _java(broker, java, jars, "-Xmx128m")
    # An id that begins with a dash would be read as an option.
    tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", f"--config={_PROPERTIES}"]
    done = subprocess.run(
        bound([*arguments, *tool, "--ignore-formatted"]),
        cwd=broker.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise PartError(f"Kafka could not format {broker.directory / 'data'}:\n{done.stdout.strip()}")


def _java(broker: Broker, java: Java, jars: list[Path], heap: str) -> list[str]:
    return [
        str(java.launcher),
        heap,
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        # Codecs load native libraries and Kafka unmaps files, which Java 24 and later warn of unless told.
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        f"-Djava.io.tmpdir={broker.directory / 'tmp'}",
        f"-Dlog4j2.configurationFile={_LOGGING}",
        "-cp",
        ":".join(map(str, jars)),
    ]
