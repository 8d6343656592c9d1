"""Applying meters to a real broker."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from producers import BrokerUnavailableError, apply_meters, read_definitions
from producers.errors import UnreadableDefinitionError
from schemas import (
    CONTROL_DEFINITIONS,
    CONTROL_HEADER,
    METER_DEFINITIONS,
    USAGE_EVENTS,
    Aggregation,
    AggregationType,
    InvalidMeterError,
    Meter,
    definition_key,
)


@pytest.fixture
def pages(fresh: Callable[[str], str]) -> Meter:
    return Meter(
        id=fresh("pages"),
        event_name="page",
        name="Pages",
        aggregation=Aggregation(type=AggregationType.SUM, field="total_usage"),
    )


def _controls(messages: list[Any]) -> Counter[int]:
    return Counter(
        each.partition()
        for each in messages
        if each.value() is None and (CONTROL_HEADER, CONTROL_DEFINITIONS) in (each.headers() or [])
    )


def test_versions_are_published_and_announced_to_every_partition(
    kafka_with_topics: str, pages: Meter, read_topic: Callable[[str], list[Any]]
) -> None:
    before = _controls(read_topic(USAGE_EVENTS))
    [first] = apply_meters(kafka_with_topics, [pages])
    [second] = apply_meters(kafka_with_topics, [pages.model_copy(update={"unit": "pages"})])
    announced = _controls(read_topic(USAGE_EVENTS)) - before
    standing = [each for each in read_definitions(kafka_with_topics) if each.id == pages.id]
    keys = [each.key() for each in read_topic(METER_DEFINITIONS)]
    assert [each.meter_version for each in standing] == [1, 2]
    assert standing == [first.definition, second.definition]
    assert [definition_key(each) in keys for each in standing] == [True, True]
    assert announced == dict.fromkeys(range(4), 2)


def test_an_unchanged_meter_is_not_published_but_announced_again(
    kafka_with_topics: str, pages: Meter, read_topic: Callable[[str], list[Any]]
) -> None:
    apply_meters(kafka_with_topics, [pages])
    definitions, controls = len(read_topic(METER_DEFINITIONS)), _controls(read_topic(USAGE_EVENTS))
    [again] = apply_meters(kafka_with_topics, [pages])
    assert (again.outcome, again.definition.meter_version) == ("unchanged", 1)
    assert len(read_topic(METER_DEFINITIONS)) == definitions
    assert _controls(read_topic(USAGE_EVENTS)) - controls == dict.fromkeys(range(4), 1)


def test_nothing_is_published_when_one_meter_is_refused(
    kafka_with_topics: str, pages: Meter, read_topic: Callable[[str], list[Any]]
) -> None:
    before = len(read_topic(METER_DEFINITIONS))
    aggregation = Aggregation(type=AggregationType.COUNT_UNIQUE)
    faulty = pages.model_copy(update={"id": "unique", "aggregation": aggregation})
    with pytest.raises(InvalidMeterError, match="COUNT_UNIQUE works on"):
        apply_meters(kafka_with_topics, [pages, faulty])
    assert len(read_topic(METER_DEFINITIONS)) == before


def test_a_deleted_definition_is_not_standing(kafka_with_topics: str, pages: Meter) -> None:
    [applied] = apply_meters(kafka_with_topics, [pages])
    producer = Producer({"log_level": 0, "bootstrap.servers": kafka_with_topics})
    producer.produce(METER_DEFINITIONS, None, definition_key(applied.definition))
    assert producer.flush(10) == 0
    assert pages.id not in {each.id for each in read_definitions(kafka_with_topics)}


def test_what_is_no_definition_is_an_error_until_it_is_deleted(kafka_with_topics: str) -> None:
    producer = Producer({"log_level": 0, "bootstrap.servers": kafka_with_topics})

    def put(value: bytes | None) -> None:
        producer.produce(METER_DEFINITIONS, value, b"garbage")
        assert producer.flush(10) == 0

    put(b"{}")
    try:
        with pytest.raises(UnreadableDefinitionError, match="b'garbage'"):
            read_definitions(kafka_with_topics)
    finally:
        put(None)
    read_definitions(kafka_with_topics)


def test_brokers_that_are_away_are_an_error(settings: Callable[..., None], pages: Meter) -> None:
    settings(publish_timeout="0.5")
    with pytest.raises(BrokerUnavailableError, match="no broker answers"):
        apply_meters("127.0.0.1:1", [pages])
