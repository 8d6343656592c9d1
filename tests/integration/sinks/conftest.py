"""A migrated ClickHouse, rows to put in it, and sinks to run."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import clickhouse_connect
import orjson
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import KafkaError, Message, Producer

from schemas import AggregationType, DistinctValue, Meter, Rollup
from schemas.records import Record
from sinks.clickhouse import parse_url
from sinks.counters import Counters
from sinks.errors import SinkError
from sinks.migrations import migrate
from sinks.settings import SinkSettings
from sinks.sink import run_until

WINDOW = 1_700_000_040


def connect(url: str) -> Client:
    endpoint = parse_url(url)
    return clickhouse_connect.get_client(
        host=endpoint.host, port=endpoint.port, database=endpoint.database, autogenerate_session_id=False
    )


def rollup(tenant: str, meter: str, aggregation: str, **fields: Any) -> Rollup:
    """A row of the first chunk of partition 0, unless told otherwise."""
    row = {
        "tenant_id": tenant,
        "environment_id": "default",
        "meter_id": meter,
        "meter_version": 1,
        "customer_id": "c",
        "window_start": WINDOW,
        "window_end": WINDOW + 60,
        "aggregation": AggregationType(aggregation),
        "source_topic_id": "topic",
        "source_partition": 0,
        "chunk_start": 0,
        "row_version": 1,
        "event_count": 1,
    }
    return Rollup.model_validate(row | fields)


def distinct_value(tenant: str, meter: str, value: str, **fields: Any) -> DistinctValue:
    """A value found by the first chunk of partition 0, unless told otherwise."""
    row = rollup(tenant, meter, "COUNT_UNIQUE").model_dump(include=set(DistinctValue.model_fields))
    return DistinctValue.model_validate(row | {"value": value} | fields)


@dataclass(frozen=True)
class Metering:
    """The database of the tests."""

    url: str
    client: Client

    def insert(self, *rows: Rollup) -> None:
        """Straight into the table, as the lines on the topic."""
        self._insert("usage_rollups", rows)

    def insert_values(self, *rows: DistinctValue) -> None:
        """Likewise."""
        self._insert("usage_distinct_values", rows)

    def _insert(self, table: str, rows: Sequence[Record]) -> None:
        block = b"\n".join(row.to_json() for row in rows)
        self.client.raw_insert(table, insert_block=block, fmt="JSONEachRow")

    def define(self, *meters: Meter) -> None:
        """Definitions, as they come from their topic."""
        rows = [(meter.to_json(), offset) for offset, meter in enumerate(meters)]
        self.client.insert("meters", rows, ["definition", "source_offset"])

    def usage(self, tenant: str, columns: str) -> list[Any]:
        """Rows of meter_usage in the order of meter and window."""
        query = (
            f"SELECT {columns} FROM meter_usage WHERE tenant_id = %(tenant)s ORDER BY meter_id, window_start"
        )
        return list(self.client.query(query, {"tenant": tenant}).result_rows)

    def count(self, table: str, tenant: str) -> int:
        query = f"SELECT count() FROM {table} FINAL WHERE tenant_id = %(tenant)s"
        return int(self.client.query(query, {"tenant": tenant}).result_rows[0][0])


@pytest.fixture(scope="session", name="rollup")
def rollup_builder() -> Callable[..., Rollup]:
    return rollup


@pytest.fixture(scope="session", name="distinct_value")
def distinct_value_builder() -> Callable[..., DistinctValue]:
    return distinct_value


@pytest.fixture(scope="session", name="event")
def event_builder() -> Callable[..., bytes]:
    return event


@pytest.fixture(scope="session")
def metering(clickhouse: str) -> Metering:
    migrate(clickhouse)
    return Metering(clickhouse, connect(clickhouse))


@pytest.fixture
def publish(kafka_with_topics: str) -> Callable[..., None]:
    """Publishes to the brokers that tests share, as `publish_to`."""
    return lambda topic, /, *values, **fields: publish_to(kafka_with_topics, topic, *values, **fields)


@pytest.fixture(scope="session", name="publish_to")
def publisher() -> Callable[..., None]:
    return publish_to


def publish_to(
    servers: str, topic: str, /, *values: bytes | None, key: bytes = b"key", **headers: bytes
) -> None:
    """Publish `values`, acknowledged when it returns; `headers` are named without meterstream's prefix."""
    producer = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": servers,
            "acks": "all",
            "linger.ms": 5,
            "message.max.bytes": 4_000_000,
            "compression.type": "lz4",
        }
    )
    named = [(f"meterstream-{name.replace('_', '-')}", value) for name, value in headers.items()]
    refused: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        refused.extend([error] if error is not None else [])

    for value in values:
        producer.produce(topic, value, key, headers=list(named), on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(60) == 0
    assert refused == []


@dataclass
class RunningSink:
    """A sink in a thread; `error` is what it ended by."""

    counters: Counters
    thread: Thread
    error: SinkError | None = None


@pytest.fixture
def sink_of() -> Callable[..., AbstractContextManager[RunningSink]]:
    """Runs a sink for as long as a block of code: `sink_of(kafka, url, group, **settings)`."""

    @contextmanager
    def run(servers: str, url: str, group: str, **settings: Any) -> Iterator[RunningSink]:
        asked = {"sink_batch_seconds": 0.1} | settings
        chosen = SinkSettings(kafka_bootstrap_servers=servers, clickhouse_url=url, sink_group=group, **asked)
        stop, counters = Event(), Counters()

        def work() -> None:
            try:
                run_until(stop, chosen, counters)
            except SinkError as error:
                running.error = error

        running = RunningSink(counters, Thread(target=work))
        running.thread.start()
        try:
            yield running
        finally:
            stop.set()
            running.thread.join(30)
        assert not running.thread.is_alive()

    return run


@pytest.fixture
def running_sink(
    kafka_with_topics: str, sink_of: Callable[..., AbstractContextManager[RunningSink]]
) -> Callable[..., AbstractContextManager[None]]:
    """Runs a sink on the brokers that tests share: `running_sink(url, group)`; it must not fail."""

    @contextmanager
    def run(url: str, group: str) -> Iterator[None]:
        with sink_of(kafka_with_topics, url, group) as running:
            yield
        assert running.error is None

    return run


class Door:
    """A TCP port before another, which can be shut: then nobody answers, and connections there were break."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.open()
        self.shut()

    @property
    def url(self) -> str:
        return f"http://default:@127.0.0.1:{self.port}/metering"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener is not None:
            _break(self._listener)
            self._listener = None
        while self._open:
            _break(self._open.pop())

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _break(source)
    _break(sink)


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.fixture
def door(metering: Metering) -> Iterator[Door]:
    """A door, shut, before the ClickHouse that tests share; its URL is `door.url`."""
    door = Door(parse_url(metering.url).port)
    yield door
    door.shut()


def event(tenant: str, number: int, **properties: object) -> bytes:
    return orjson.dumps(
        {
            "event_id": f"e{number}",
            "tenant_id": tenant,
            "event_name": "request",
            "customer_id": "c",
            "timestamp": WINDOW * 1000,
            "properties": properties,
        }
    )
