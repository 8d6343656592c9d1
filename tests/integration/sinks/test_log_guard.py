"""Records deleted before they were stored, logs cut back, and topics made anew: on a broker of their own."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.local.embedded import embedded_kafka
from deploy.topics import apply_topics
from sinks.errors import TopicRecreatedError

EVENTS = TopicPartition("usage-events", 0)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_kafka(tmp_path_factory.mktemp("guarded")) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture
def own_kafka(brokers: str) -> str:
    """Its usage-events is made anew for every test, and has one partition."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    if EVENTS.topic in admin.list_topics(timeout=10).topics:
        admin.delete_topics([EVENTS.topic])[EVENTS.topic].result()
    apply_topics(brokers, partitions=1)
    return brokers


def delete_before(servers: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    (deleted,) = admin.delete_records([TopicPartition(*PLACE, offset)]).values()
    assert deleted.result().low_watermark == offset


def commit(servers: str, group: str, offset: int, metadata: str = "") -> None:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
    consumer.commit(offsets=[TopicPartition(*PLACE, offset, metadata)], asynchronous=False)
    consumer.close()


def committed(servers: str, group: str) -> tuple[int, str | None]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
    (found,) = consumer.committed([TopicPartition(*PLACE)], timeout=10)
    consumer.close()
    return found.offset, found.metadata


def topic_id(servers: str) -> str:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    described = admin.describe_topics(TopicCollection([EVENTS.topic]))
    return str(described[EVENTS.topic].result().topic_id)


def make_anew(servers: str) -> None:
    """So fast that librdkafka does not see the topic gone."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    admin.delete_topics([EVENTS.topic])[EVENTS.topic].result()
    apply_topics(servers, partitions=1)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "sinks.assignments" and record.levelno == logging.ERROR
    ]


PLACE = (EVENTS.topic, EVENTS.partition)


def test_records_deleted_before_they_were_stored_are_an_error_line_with_their_number(
    metering: Any,
    own_kafka: str,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant, group = fresh("tenant"), fresh("group")
    publish_to(own_kafka, "usage-events", *(event(tenant, number) for number in range(100)))
    commit(own_kafka, group, 20)
    delete_before(own_kafka, 60)
    with sink_of(own_kafka, metering.url, group) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 40)
        eventually(lambda: committed(own_kafka, group) == (100, topic_id(own_kafka)))
    assert sink.counters.lost == 40
    (line,) = errors(caplog)
    assert "topic=usage-events partition=0 position=20 log_start=60 lost=40" in line
    with sink_of(own_kafka, metering.url, group) as sink:
        publish_to(own_kafka, "usage-events", event(tenant, 100))
        eventually(lambda: metering.count("raw_usage_events", tenant) == 41)
    assert (sink.counters.read, sink.counters.lost, len(errors(caplog))) == (1, 0, 1)


@pytest.mark.parametrize(("accepts", "lost"), [(False, 60), (True, 0)])
def test_a_log_that_was_never_read_and_begins_above_zero_is_lost_unless_that_is_accepted(
    metering: Any,
    own_kafka: str,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
    accepts: bool,
    lost: int,
) -> None:
    tenant = fresh("tenant")
    publish_to(own_kafka, "usage-events", *(event(tenant, number) for number in range(100)))
    delete_before(own_kafka, 60)
    with sink_of(own_kafka, metering.url, fresh("group"), accept_log_start=accepts) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 40)
    assert sink.counters.lost == lost
    assert ["METERSTREAM_ACCEPT_LOG_START" in line for line in errors(caplog)] == ([True] if lost else [])


def test_records_deleted_under_a_sink_that_waits_for_clickhouse_are_an_error_and_the_rest_is_stored(
    metering: Any,
    own_kafka: str,
    door: Any,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant = fresh("tenant")
    with sink_of(own_kafka, door.url, fresh("group"), sink_batch_rows=50) as sink:
        publish_to(own_kafka, "usage-events", *(event(tenant, number) for number in range(3_000)))
        eventually(lambda: "paused until clickhouse" in caplog.text)
        read = sink.counters.read
        delete_before(own_kafka, 2_990)
        door.open()
        eventually(lambda: metering.count("raw_usage_events", tenant) == read + 10)
        assert sink.counters.lost == 2_990 - read
    (line,) = errors(caplog)
    assert f"position={read} log_start=2990 lost={2_990 - read}" in line


def test_a_commit_beyond_the_logs_end_is_an_error_and_all_of_the_log_is_stored(
    metering: Any,
    own_kafka: str,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant, group = fresh("tenant"), fresh("group")
    publish_to(own_kafka, "usage-events", *(event(tenant, number) for number in range(10)))
    commit(own_kafka, group, 1_000)
    with sink_of(own_kafka, metering.url, group) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 10)
        eventually(lambda: committed(own_kafka, group)[0] == 10)
    assert (sink.counters.rereads, sink.counters.lost) == (1, 0)
    assert "offset 1000 is beyond the log's end 10" in errors(caplog)[0]


@pytest.mark.parametrize("again", [3, 10, 25])
def test_a_topic_made_anew_under_the_sink_ends_it_and_the_next_stores_the_new_one_from_its_start(
    metering: Any,
    own_kafka: str,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    again: int,
) -> None:
    old, new, group = fresh("old"), fresh("new"), fresh("group")
    with sink_of(own_kafka, metering.url, group) as sink:
        publish_to(own_kafka, "usage-events", *(event(old, number) for number in range(10)))
        eventually(lambda: committed(own_kafka, group)[0] == 10)
        make_anew(own_kafka)
        publish_to(own_kafka, "usage-events", *(event(new, number) for number in range(again)))
        eventually(lambda: not sink.thread.is_alive())
    assert isinstance(sink.error, TopicRecreatedError)
    assert metering.count("raw_usage_events", new) == 0
    with sink_of(own_kafka, metering.url, group) as sink:
        eventually(lambda: metering.count("raw_usage_events", new) == again)
    assert metering.count("raw_usage_events", old) == 10


def test_a_commit_of_a_topic_of_another_id_is_ignored_and_one_without_an_id_obeyed(
    metering: Any,
    own_kafka: str,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant, group, older = fresh("tenant"), fresh("group"), fresh("group")
    publish_to(own_kafka, "usage-events", *(event(tenant, number) for number in range(25)))
    commit(own_kafka, group, 10, "another id")
    commit(own_kafka, older, 10)
    with sink_of(own_kafka, metering.url, older) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 15)
    assert errors(caplog) == []
    with sink_of(own_kafka, metering.url, group) as sink:
        eventually(lambda: metering.count("raw_usage_events", tenant) == 25)
        eventually(lambda: committed(own_kafka, group) == (25, topic_id(own_kafka)))
    assert sink.counters.rereads == 1
    assert "committed for topic id another id" in errors(caplog)[0]
