"""The definitions known at an offset, read from a real topic."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from schemas import Meter, definition, definition_key
from stream.definitions import DefinitionLog


@pytest.fixture
def log(kafka_with_topics: str) -> Iterator[DefinitionLog]:
    log = DefinitionLog(kafka_with_topics)
    yield log
    log.close()


@pytest.fixture
def publish(kafka_with_topics: str) -> Callable[[bytes, bytes | None], None]:
    producer = Producer({"log_level": 0, "bootstrap.servers": kafka_with_topics})

    def put(key: bytes, value: bytes | None) -> None:
        producer.produce("meter-definitions", value, key)
        assert producer.flush(20) == 0

    return put


def test_what_stood_at_an_offset_is_known_there_and_no_more(
    log: DefinitionLog, publish: Callable[[bytes, bytes | None], None], fresh: Callable[[str], str]
) -> None:
    tenant = fresh("tenant")
    meter = Meter.model_validate(
        {"id": "m", "event_name": "used", "name": "M", "tenant_id": tenant, "aggregation": {"type": "COUNT"}}
    )
    first, second = definition(meter, meter_version=1), definition(meter, meter_version=2)
    ends = [log.end()]
    for key, value in (
        (definition_key(first), first.to_json()),
        (b"no definition", b"{}"),
        (definition_key(second), second.to_json()),
        (definition_key(second), None),
        (b"no definition", None),
    ):
        publish(key, value)
        ends.append(log.end())

    def version(end: int) -> int | None:
        spans = log.known_at(end).for_event(tenant, "default", "used")
        return spans[0].definition.meter_version if spans else None

    assert [version(end) for end in reversed(ends)] == [1, 1, 2, 1, 1, None]
