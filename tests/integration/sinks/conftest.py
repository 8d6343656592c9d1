"""A migrated ClickHouse, rows to put in it, and sinks to run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import clickhouse_connect
import orjson
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from schemas import AggregationType, DistinctValue, Meter, Rollup
from schemas.records import Record
from sinks.clickhouse import parse_url
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
def publish(kafka_with_topics: str) -> Iterator[Callable[..., None]]:
    """Publishes `publish(topic, value, **headers)`, acknowledged by the end of `publish.flush()`."""
    producer = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": kafka_with_topics,
            "acks": "all",
            "linger.ms": 5,
            "message.max.bytes": 1_100_000,
        }
    )

    def send(topic: str, /, *values: bytes | None, key: bytes = b"key", **headers: bytes) -> None:
        named = [(f"meterstream-{name.replace('_', '-')}", value) for name, value in headers.items()]
        for value in values:
            producer.produce(topic, value, key, headers=list(named))
        assert producer.flush(20) == 0

    yield send
    producer.flush(20)


@pytest.fixture
def running_sink(kafka_with_topics: str) -> Callable[..., AbstractContextManager[None]]:
    """Runs a sink in a thread for as long as a block of code: `running_sink(url, group)`."""

    @contextmanager
    def run(url: str, group: str) -> Iterator[None]:
        settings = SinkSettings(
            kafka_bootstrap_servers=kafka_with_topics,
            clickhouse_url=url,
            sink_group=group,
            sink_batch_seconds=0.1,
        )
        stop, ends = Event(), list[int]()
        thread = Thread(target=lambda: ends.append(run_until(stop, settings)))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
        assert ends == [0]

    return run


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
