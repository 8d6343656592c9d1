"""The parts of the embedded stack: how each is run and when it counts as ready."""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.jars import kafka_jars
from deploy.local.java import bundled_java
from deploy.local.kafka import Broker, broker_command, prepare
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.process import Command
from deploy.local.readiness import clickhouse_answers, joins_group, kafka_answers

DATABASE: Final = "metering"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the parts that do the metering are given; `identity` tells this stack's from another's."""

    kafka_bootstrap_servers: str
    clickhouse_url: str
    identity: str
    worker_web_port: int
    sessions_web_port: int


def kafka_part(broker: Broker, cache_dir: Path, say: Callable[[str], None]) -> Part:
    """A broker, ready to start: jars fetched (the first time, which `say` is told) and storage formatted.

    Raises:
        JarsError: the jars cannot be had.
        PartError: the storage cannot be formatted.
    """
    java = bundled_java()
    jars = kafka_jars(cache_dir, java.home, say)
    prepare(broker, java, jars)
    return Part(
        f"kafka-{broker.node_id}" if broker.others else "kafka",
        broker_command(broker, java, jars),
        watch=lambda: lambda: kafka_answers(broker.bootstrap_servers, nodes=len(broker.voters)),
    )


def cluster_parts(brokers: list[Broker], cache_dir: Path, say: Callable[[str], None]) -> list[Part]:
    """The brokers of a cluster, ready to start, as `kafka_part`; formatted side by side."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda broker: kafka_part(broker, cache_dir, say), brokers))


def clickhouse_part(directory: Path, port: int) -> Part:
    """The embedded ClickHouse, with its data in `directory`."""
    module = [sys.executable, "-m", "deploy.local.clickhouse"]
    options = ["--path", str(directory), "--port", str(port), "--database", DATABASE, "--exit-with-parent"]
    return Part("clickhouse", Command([*module, *options]), watch=lambda: lambda: clickhouse_answers(port))


def clickhouse_url(port: int) -> str:
    """The URL of the embedded ClickHouse."""
    return f"http://default:@{HOST}:{port}/{DATABASE}"


def worker_part(around: Surroundings, directory: Path) -> Part:
    """The worker that counts."""
    from stream.settings import StreamSettings

    command = _faust("stream", around.worker_web_port)
    return _metering_part("worker", command, StreamSettings().consumer_group, around, directory)


def sessions_part(around: Surroundings, directory: Path) -> Part:
    """The worker that pairs the starts and ends of sessions."""
    from stream.settings import StreamSettings

    command = _faust("stream.sessions", around.sessions_web_port)
    return _metering_part("sessions", command, StreamSettings().sessions_consumer_group, around, directory)


def sink_part(around: Surroundings, directory: Path) -> Part:
    """The sink that writes to ClickHouse."""
    from sinks.settings import SinkSettings

    command = [sys.executable, "-m", "sinks"]
    return _metering_part("sink", command, SinkSettings().sink_group, around, directory)


def environment(name: str, around: Surroundings) -> Mapping[str, str]:
    """What a part reads from its environment; its instance id outlives its process, so it keeps its place."""
    return {
        "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": around.kafka_bootstrap_servers,
        "METERSTREAM_CLICKHOUSE_URL": around.clickhouse_url,
        "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": f"{name}-{around.identity}",
        "PYTHONUNBUFFERED": "1",
    }


def _metering_part(name: str, command: list[str], group: str, around: Surroundings, directory: Path) -> Part:
    return Part(
        name,
        Command(command, environment(name, around), directory),
        watch=lambda: joins_group(around.kafka_bootstrap_servers, group),
    )


def _faust(application: str, web_port: int) -> list[str]:
    # Every Faust worker has a web server, all on port 6066 unless told otherwise.
    web = ["--web-port", str(web_port), "--web-bind", HOST]
    return [sys.executable, "-m", "faust", "-A", application, "worker", "-l", "info", *web]
