"""The post functions against a real broker."""

import logging
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from producers import post_ai_meter_usage, post_meter_usage
from schemas import SESSION_BOUNDARIES, SessionBoundary, UsageEvent, message_key

MOMENT = 1_759_791_552_000


def test_a_use_is_stored_as_a_usage_event(
    kafka_with_topics: str, fresh: Callable[[str], str], read_one: Callable[..., Any]
) -> None:
    tenant = fresh("t")
    stored = post_meter_usage(
        tenant,
        "d-1",
        "pages",
        f"kafka://{kafka_with_topics}",
        None,
        None,
        Decimal("1.5"),
        MOMENT,
        {"rule_id": "r"},
    )
    assert stored is not None
    assert stored.keys() == {"event_id", "topic", "partition", "offset"}
    message = read_one(stored)
    event = UsageEvent.from_json(message.value())
    assert message.key() == message_key(tenant, tenant)
    assert (event.event_id, event.event_name, event.timestamp) == (stored["event_id"], "pages", MOMENT)
    assert event.properties["rule_id"] == "r"
    assert str(event.properties["total_usage"]) == "1.5"
    assert b'"total_usage":1.5' in message.value()


def test_no_timestamp_means_now(
    kafka_with_topics: str, fresh: Callable[[str], str], read_one: Callable[..., Any]
) -> None:
    before = time.time_ns() // 1_000_000
    stored = post_meter_usage(
        tenant_id=fresh("t"), device_id="d", meter_id="m", kafka_url=kafka_with_topics, total_usage=1
    )
    assert before <= UsageEvent.from_json(read_one(stored).value()).timestamp <= time.time_ns() // 1_000_000


def test_a_boundary_goes_to_session_boundaries_keyed_by_its_session(
    kafka_with_topics: str, fresh: Callable[[str], str], read_one: Callable[..., Any]
) -> None:
    stored = post_ai_meter_usage(
        tenant_id=fresh("t"),
        device_id="d-1",
        meter_id="chat",
        kafka_url=kafka_with_topics,
        start_time=MOMENT,
        metadata={"session_id": "s-1"},
    )
    assert stored is not None
    assert stored["topic"] == SESSION_BOUNDARIES
    message = read_one(stored)
    boundary = SessionBoundary.from_json(message.value())
    assert message.key() == boundary.key
    assert (boundary.boundary_id, boundary.session_id) == (stored["event_id"], "s-1")
    assert (boundary.start_time, boundary.end_time) == (MOMENT, None)


def test_keys_go_where_java_and_aiokafka_put_them(
    kafka_with_topics: str, fresh: Callable[[str], str]
) -> None:
    tenants = [fresh("t") for _ in range(12)]
    with ThreadPoolExecutor(8) as threads:
        stored = list(
            threads.map(
                lambda each: post_meter_usage(each, "d", "m", kafka_with_topics, total_usage=1), tenants
            )
        )
    partitions = list(range(4))
    expected = [DefaultPartitioner()(message_key(each, each), partitions, partitions) for each in tenants]
    assert [each and each["partition"] for each in stored] == expected


def test_brokers_that_are_away_are_none_within_the_timeout(
    settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    settings(publish_timeout="1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        with caplog.at_level(logging.WARNING, logger="producers"):
            kafka_url = f"127.0.0.1:{unused.getsockname()[1]}"
            assert post_meter_usage("t", "d", "m", kafka_url, total_usage=1) is None
    assert time.monotonic() - begun < 5
    assert "was not stored" in caplog.text
    assert "Connection refused" in caplog.text


def test_an_event_too_large_for_the_topic_is_the_callers_mistake(kafka_with_topics: str) -> None:
    with pytest.raises(ValueError, match="shorten its metadata"):
        post_meter_usage("t", "d", "m", kafka_with_topics, total_usage=1, metadata={"a": "x" * 2_000_000})


def test_a_refused_property_is_none_and_named(
    kafka: str, settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    settings(kafka_config='{"no.such.property": "1"}')
    with caplog.at_level(logging.WARNING, logger="producers"):
        assert post_meter_usage("t", "d", "m", kafka, total_usage=1) is None
    assert "no.such.property" in caplog.text


def test_a_forked_child_publishes_on_its_own(kafka_with_topics: str) -> None:
    assert post_meter_usage("t", "d", "m", kafka_with_topics, total_usage=1) is not None
    child = os.fork()
    if child == 0:
        stored = post_meter_usage("t", "d", "m", kafka_with_topics, total_usage=1)
        os._exit(0 if stored is not None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert post_meter_usage("t", "d", "m", kafka_with_topics, total_usage=1) is not None
