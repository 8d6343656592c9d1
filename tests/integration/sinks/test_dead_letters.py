"""Records that ClickHouse refuses, or that are no rows at all: none is dropped, none stops the sink."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.local.embedded import embedded_kafka
from deploy.topics import apply_topics
from schemas import DeadLetter, DeadLetterReason


@pytest.fixture(scope="module")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Brokers of one's own, whose dead letters may not be longer than 10 KB."""
    with embedded_kafka(tmp_path_factory.mktemp("strict")) as servers:
        apply_topics(servers, partitions=1)
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        limit = ConfigEntry("max.message.bytes", "10000", incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(ResourceType.TOPIC, "usage-events-dlq", incremental_configs=[limit])
        (altered,) = admin.incremental_alter_configs([topic]).values()
        altered.result()
        yield servers


PUBLISH_UNREADABLE = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Unreadable(str):
    def encode(self, *_):
        return bytes([255, 254])

async def publish():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        await producer.send_and_wait("usage-events", sys.argv[2].encode(), headers=[(Unreadable("x"), b"1")])

asyncio.run(publish())
"""
"""For aiokafka's plain Python: no other client here lets a header's name be anything but a text."""


def letters(metering: Any, topic_key: str) -> list[Any]:
    query = "SELECT length(value), detail, reason FROM rejected_usage_events FINAL WHERE key = %(key)s"
    return list(metering.client.query(query + " ORDER BY length(value)", {"key": topic_key}).result_rows)


def test_a_dead_letter_too_long_for_its_topic_goes_without_its_value(
    metering: Any, kafka_with_topics: str, publish: Any, sink_of: Any, fresh: Any, eventually: Any
) -> None:
    key = fresh("key")
    publish("usage-rollups", b"x" * 2_000_000, b"short", key=key.encode(), table=b"usage_rollups")
    with sink_of(kafka_with_topics, metering.url, fresh("group")) as sink:
        eventually(lambda: len(letters(metering, key)) == 2)
    assert sink.error is None
    (cut, whole) = letters(metering, key)
    assert (cut[0], cut[2]) == (0, "insert_refused")
    assert cut[1].startswith("(its value of 2000000 bytes left out, too long for a dead letter)")
    assert whole[0] == len(b"short")


def test_a_dead_letter_that_only_the_broker_finds_too_long_goes_without_its_value(
    metering: Any, strict_kafka: str, publish_to: Any, sink_of: Any, fresh: Any, eventually: Any
) -> None:
    key = fresh("key")
    publish_to(strict_kafka, "usage-rollups", b"x" * 50_000, key=key.encode(), table=b"usage_rollups")
    with sink_of(strict_kafka, metering.url, fresh("group")):
        eventually(lambda: len(letters(metering, key)) == 1)
    assert letters(metering, key)[0][0] == 0


def test_a_record_without_rows_is_a_dead_letter(
    metering: Any, kafka_with_topics: str, publish: Any, sink_of: Any, fresh: Any, eventually: Any
) -> None:
    keys = {topic: fresh("key") for topic in ("usage-rollups", "usage-sessions")}
    for topic, key in keys.items():
        publish(topic, None, b"", b" \n", key=key.encode(), table=b"usage_rollups")
    with sink_of(kafka_with_topics, metering.url, fresh("group")):
        for key in keys.values():
            eventually(lambda key=key: len(letters(metering, key)) == 3)
    for key in keys.values():
        assert {(length <= 2, reason) for length, _, reason in letters(metering, key)} == {
            (True, "insert_refused")
        }


def test_a_dead_letter_whose_headers_name_no_place_is_stored_as_its_own_source(
    metering: Any, kafka_with_topics: str, publish: Any, sink_of: Any, fresh: Any, eventually: Any
) -> None:
    key = fresh("key")
    letter = DeadLetter(
        reason=DeadLetterReason.NOT_A_NUMBER, topic="t", topic_id=key, partition=2**40, offset=2**70
    )
    headers = {name.removeprefix("meterstream-"): value for name, value in letter.headers()}
    publish("usage-events-dlq", b"bytes", key=key.encode(), **headers)
    with sink_of(kafka_with_topics, metering.url, fresh("group")) as sink:
        eventually(lambda: len(letters(metering, key)) == 1)
    assert sink.error is None
    assert "cannot be one" in letters(metering, key)[0][1]


def test_a_record_whose_headers_cannot_be_read_is_stored_without_them(
    metering: Any,
    strict_kafka: str,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant = fresh("tenant")
    arguments = ["-c", PUBLISH_UNREADABLE, strict_kafka, event(tenant, 1).decode()]
    environment = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    subprocess.run([sys.executable, *arguments], env=environment, check=True, timeout=60)
    with sink_of(strict_kafka, metering.url, fresh("group")) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 1)
    assert sink.error is None
    assert "headers left out, a name is not UTF-8: topic=usage-events" in caplog.text
