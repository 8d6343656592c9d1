"""The sessions worker as a process, on a real broker, and what it publishes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import (
    METER_DEFINITIONS,
    SESSION_BOUNDARIES,
    USAGE_EVENTS_DLQ,
    USAGE_ROLLUPS,
    USAGE_SESSIONS,
    DeadLetter,
    Meter,
    SessionBoundary,
    definition,
    definition_key,
)

METER_ID: Final = "chat.on.time_hours"
PUBLISHED: Final = (USAGE_ROLLUPS, USAGE_SESSIONS, USAGE_EVENTS_DLQ)
END_SECONDS: Final = 20.0


@dataclass
class Published:
    """What the worker sent about one tenant, as ClickHouse keeps it: of each row the highest version."""

    tenant: str
    consumer: Consumer
    rows: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    row_records: int = 0
    sessions: list[dict[str, Any]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    def read(self) -> "Published":
        for message in self.consumer.consume(num_messages=1_000, timeout=0.2):
            assert message.error() is None
            value = message.value() or b""
            if self.tenant.encode() not in value:
                continue
            if message.topic() == USAGE_ROLLUPS:
                self.row_records += 1
                for row in map(orjson.loads, value.splitlines()):
                    self._keep(row)
            elif message.topic() == USAGE_SESSIONS:
                self.sessions.append(orjson.loads(value))
            else:
                self.letters.append(DeadLetter.from_headers(message.headers() or []))
                self.refused.append(value)
        return self

    def _keep(self, row: dict[str, Any]) -> None:
        identity = (row["source_session"], row["meter_id"], row["meter_version"], row["window_start"])
        if identity not in self.rows or self.rows[identity]["row_version"] <= row["row_version"]:
            self.rows[identity] = row

    def windows(self, session: str) -> dict[int, tuple[str | None, int]]:
        """Milliseconds and events by window start, of the sessions whose key ends so."""
        return {
            row["window_start"] * 1000: (row["sum"], row["event_count"])
            for row in self.rows.values()
            if row["source_session"].endswith(session)
        }

    def states(self, session_id: str) -> list[str]:
        return [session["state"] for session in self.sessions if session["session_id"] == session_id]


@dataclass
class Tenant:
    """A tenant of its own with a meter of session hours; boundaries are sent one at a time."""

    name: str
    producer: Producer

    def boundary(self, **fields: Any) -> SessionBoundary:
        return SessionBoundary.model_validate(
            {"boundary_id": "b", "tenant_id": self.name, "customer_id": "c1", "meter_id": METER_ID} | fields
        )

    def send(self, **fields: Any) -> None:
        boundary = self.boundary(**fields)
        self.send_raw(boundary.to_json(), boundary.key)

    def send_raw(self, value: bytes, key: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        self.producer.produce(SESSION_BOUNDARIES, value, key, headers=headers or [])
        assert self.producer.flush(30) == 0


@dataclass
class SessionsWorker:
    """`faust -A stream.sessions worker` under a group of its own; started again, it is the same member."""

    bootstrap_servers: str
    group: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    settings: dict[str, str] = field(default_factory=dict)

    def start(self) -> "SessionsWorker":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "METERSTREAM_SESSIONS_CONSUMER_GROUP": self.group,
            "METERSTREAM_SESSIONS_WEB_PORT": str(port),
            "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": "worker-1",
            "METERSTREAM_SESSION_TIMEOUT_SECONDS": "6",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "faust", "-A", "stream.sessions", "worker", "-l", "info"],
                env=os.environ | settings | self.settings,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(END_SECONDS)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def sessions_worker(
    kafka_with_topics: str, tmp_path: Path, fresh: Callable[[str], str]
) -> Iterator[SessionsWorker]:
    """A worker that is not started yet; it ends with the test."""
    worker = SessionsWorker(kafka_with_topics, fresh("sessions"), tmp_path / "worker.log")
    yield worker
    worker.stop()


@pytest.fixture(scope="module")
def running_worker(
    kafka_with_topics: str, tmp_path_factory: pytest.TempPathFactory, fresh: Callable[[str], str]
) -> Iterator[SessionsWorker]:
    """A worker that the tests of a module share."""
    log = tmp_path_factory.mktemp("sessions") / "worker.log"
    worker = SessionsWorker(kafka_with_topics, fresh("sessions"), log).start()
    yield worker
    worker.stop()


def tenant_of(bootstrap_servers: str, name: str) -> Tenant:
    """Publish a meter for a tenant."""
    producer = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
        }
    )
    meter = Meter.model_validate(
        {
            "id": METER_ID,
            "event_name": METER_ID,
            "name": "Chat time",
            "tenant_id": name,
            "aggregation": {"type": "DURATION"},
            "unit": "hours",
        }
    )
    producer.produce(METER_DEFINITIONS, definition(meter).to_json(), definition_key(meter))
    assert producer.flush(30) == 0
    return Tenant(name, producer)


def published_about(bootstrap_servers: str, tenant: str, group: str) -> Published:
    """Begin to read what is published about a tenant."""
    consumer = Consumer(
        {
            "log_level": 0,
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(list(PUBLISHED))
    return Published(tenant, consumer)


@pytest.fixture
def tenant(kafka_with_topics: str, fresh: Callable[[str], str]) -> Tenant:
    """A tenant whose meter is published."""
    return tenant_of(kafka_with_topics, fresh("tenant"))


@pytest.fixture
def published(kafka_with_topics: str, tenant: Tenant, fresh: Callable[[str], str]) -> Iterator[Published]:
    published = published_about(kafka_with_topics, tenant.name, fresh("reader"))
    yield published
    published.consumer.close()


@dataclass
class World:
    """A broker of a test's own, one tenant on it, and a sessions worker that is not started yet."""

    bootstrap_servers: str
    worker: SessionsWorker
    tenant: Tenant
    published: Published


@pytest.fixture
def new_world(tmp_path: Path, fresh: Callable[[str], str]) -> Iterator[Callable[[str], World]]:
    """Makes what there is on a broker: `new_world(bootstrap_servers)`; the worker ends with the test."""
    made: list[World] = []

    def make(bootstrap_servers: str) -> World:
        name = fresh("sessions")
        worker = SessionsWorker(bootstrap_servers, name, tmp_path / f"{name}.log")
        published = published_about(bootstrap_servers, name, fresh("reader"))
        made.append(World(bootstrap_servers, worker, tenant_of(bootstrap_servers, name), published))
        return made[-1]

    yield make
    for world in made:
        world.worker.stop()
        world.published.consumer.close()


@pytest.fixture
def create_topic(kafka_with_topics: str) -> Callable[..., None]:
    """Creates a topic: `create_topic(name, partitions=1, config={...})`."""

    def create(name: str, partitions: int, config: dict[str, str] | None = None) -> None:
        admin = AdminClient({"log_level": 0, "bootstrap.servers": kafka_with_topics})
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        admin.create_topics([topic], operation_timeout=30)[name].result()

    return create
