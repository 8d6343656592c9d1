"""What the end-to-end tests share: SQL over plain HTTP, meters applied, records published as others would."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from producers import apply_meters
from schemas import parse_meters


@pytest.fixture(scope="session")
def sql(stack: Any) -> Callable[..., list[dict[str, Any]]]:
    """Asks ClickHouse as curl would: `sql(query, name=value)` gives rows; values travel as parameters."""

    def ask(query: str, **parameters: str) -> list[dict[str, Any]]:
        response = httpx.post(
            stack.endpoints.clickhouse_url,
            params={f"param_{name}": value for name, value in parameters.items()}
            | {
                "default_format": "JSONEachRow",
                "output_format_json_quote_decimals": "1",
            },
            content=query.encode(),
            timeout=30,
        )
        assert response.status_code == httpx.codes.OK, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    return ask


@pytest.fixture(scope="session")
def apply(stack: Any) -> Callable[..., None]:
    """Applies meters given as mappings; an event published afterwards counts by them."""

    def publish(*meters: dict[str, Any]) -> None:
        apply_meters(stack.endpoints.kafka_bootstrap_servers, parse_meters(list(meters)))

    return publish


@pytest.fixture
def publish(stack: Any) -> Iterator[Callable[..., Any]]:
    """Puts bytes on usage-events as any producer might, and gives the acknowledged (partition, offset)."""
    producer = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": stack.endpoints.kafka_bootstrap_servers,
            "message.max.bytes": 2_000_000,
        }
    )

    def put(value: bytes | None, **fields: Any) -> tuple[int, int]:
        delivered: list[Any] = []
        producer.produce(
            "usage-events", value, on_delivery=lambda *report: delivered.append(report), **fields
        )
        producer.flush(30)
        ((error, message),) = delivered
        if error is not None:
            raise ValueError(error.str())
        return message.partition(), message.offset()

    yield put
    producer.flush(30)
