"""`meterstream up`: the whole stack in the foreground, until it is asked to end."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from deploy.errors import DeployError, PartError
from deploy.local.endpoints import Endpoints
from deploy.local.kafka import Broker
from deploy.local.leftovers import end_leftovers, record
from deploy.local.part import Part
from deploy.local.parts import (
    Surroundings,
    clickhouse_part,
    clickhouse_url,
    kafka_part,
    sessions_part,
    sink_part,
    worker_part,
)
from deploy.local.ports import assign_ports
from deploy.local.signals import StopSignals
from deploy.local.statedir import StateDir, claim
from deploy.local.supervisor import StopRequestedError, Supervisor
from deploy.settings import LocalSettings
from deploy.topics import apply_topics


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What runs on Kafka and ClickHouse: `prepare` comes before the first of its parts starts."""

    prepare: Callable[[LocalSettings, Endpoints], None]
    parts: Callable[[Surroundings, StateDir], list[Part]]


def create_topics_and_tables(settings: LocalSettings, endpoints: Endpoints) -> None:
    """Make Kafka and ClickHouse what the metering parts expect.

    Raises:
        TopicError: topics cannot be made what they must be.
        PartError: nor tables.
    """
    from sinks.errors import SinkError
    from sinks.migrations import migrate

    for change in apply_topics(endpoints.kafka_bootstrap_servers, partitions=settings.partitions):
        say(f"topic {change}")
    try:
        migrate(endpoints.clickhouse_url)
    except SinkError as error:
        raise PartError(f"ClickHouse's tables could not be made: {error}") from error


def metering_parts(around: Surroundings, state: StateDir) -> list[Part]:
    """Worker, sessions and sink, in the order they start."""
    return [
        worker_part(around, state.of("worker")),
        sessions_part(around, state.of("sessions")),
        sink_part(around, state.of("sink")),
    ]


METERING: Final = Pipeline(create_topics_and_tables, metering_parts)


def run(settings: LocalSettings, pipeline: Pipeline = METERING) -> int:
    """Bring the stack up, look after it, and end it on SIGTERM, SIGINT or SIGHUP; the program's exit code.

    0: it was asked to end. 1: a part did not come up, or another stack holds the state directory; why is said
    on standard error.
    """
    state = StateDir(settings.state_dir.absolute())
    settings = settings.model_copy(update={"state_dir": state.path})
    try:
        with StopSignals() as signals, claim(state):
            _run_claimed(settings, state, pipeline, lambda: signals.received is not None)
    except DeployError as error:
        say(f"error: {error}")
        return 1
    return 0


def say(line: str) -> None:
    """A line for whoever watches."""
    print(line, file=sys.stderr, flush=True)


def _run_claimed(
    settings: LocalSettings, state: StateDir, pipeline: Pipeline, stop_requested: Callable[[], bool]
) -> None:
    state.endpoints.unlink(missing_ok=True)
    for name in end_leftovers(state.pids):
        say(f"{name} of a run that was killed was still there and has been ended")
    _keep_last_logs(state.logs)
    published = _Published(state)
    try:
        with Supervisor(state.logs, say, published.update, stop_requested) as supervisor:
            _bring_up(settings, state, pipeline, supervisor, published)
            supervisor.watch()
            say("ending …")
    except StopRequestedError:
        say("ended before it was up")
    finally:
        state.endpoints.unlink(missing_ok=True)
        state.pids.unlink(missing_ok=True)


def _bring_up(
    settings: LocalSettings,
    state: StateDir,
    pipeline: Pipeline,
    supervisor: Supervisor,
    published: "_Published",
) -> None:
    began = time.monotonic()
    endpoints = _start_servers(settings, state, supervisor)
    supervisor.perform(lambda: pipeline.prepare(settings, endpoints))
    web = assign_ports(state.ports, {"worker_web": None, "sessions_web": None})
    around = Surroundings(
        endpoints.kafka_bootstrap_servers,
        endpoints.clickhouse_url,
        state.identity(),
        worker_web_port=web["worker_web"],
        sessions_web_port=web["sessions_web"],
    )
    for part in pipeline.parts(around, state):
        supervisor.start(part)
    supervisor.await_ready(settings.startup_seconds)
    published.publish(endpoints)
    say(summary(endpoints, state, time.monotonic() - began))


def _start_servers(settings: LocalSettings, state: StateDir, supervisor: Supervisor) -> Endpoints:
    kafka, clickhouse = settings.kafka_bootstrap_servers, settings.clickhouse_url
    if clickhouse is None:
        ports = assign_ports(state.ports, {"clickhouse": settings.clickhouse_port})
        clickhouse = clickhouse_url(ports["clickhouse"])
        supervisor.start(clickhouse_part(state.of("clickhouse"), ports["clickhouse"]))
    if kafka is None:
        broker = _broker(settings, state)
        kafka = broker.bootstrap_servers
        supervisor.start(supervisor.perform(lambda: kafka_part(broker, settings.cache_dir, say)))
    supervisor.await_ready(settings.startup_seconds)
    return Endpoints(kafka, clickhouse)


def _broker(settings: LocalSettings, state: StateDir) -> Broker:
    ports = assign_ports(state.ports, {"kafka": settings.kafka_port, "kafka_controller": None})
    return Broker(state.of("kafka"), ports["kafka"], ports["kafka_controller"], settings.kafka_heap)


@dataclass(slots=True)
class _Published:
    """What is written down about the running stack, and kept true as parts are started again."""

    state: StateDir
    endpoints: Endpoints | None = None
    pids: Mapping[str, int] | None = None

    def update(self, pids: Mapping[str, int]) -> None:
        self.pids = pids
        record(self.state.pids, pids)
        if self.endpoints is not None:
            self.publish(self.endpoints)

    def publish(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        replace(endpoints, pids=self.pids or {}).save(self.state.path)


def summary(endpoints: Endpoints, state: StateDir, seconds: float) -> str:
    """What is said once all is up."""
    server, _, database = endpoints.clickhouse_url.replace("default:@", "").rpartition("/")
    query = "SELECT * FROM meter_usage LIMIT 10 FORMAT PrettyCompact"
    return "\n".join(
        [
            f"Meterstream is up, after {seconds:.1f} s.",
            f"  Kafka       {endpoints.kafka_bootstrap_servers}",
            f"  ClickHouse  {endpoints.clickhouse_url}",
            f"  logs        {state.logs}",
            "Usage, once something is published:",
            f"  curl '{server}/?database={database}' --data-binary '{query}'",
            "Ctrl-C ends it; its data stays.",
        ]
    )


def _keep_last_logs(logs: Path) -> None:
    for log in logs.glob("*.log"):
        log.replace(log.with_name(f"{log.name}.1"))
