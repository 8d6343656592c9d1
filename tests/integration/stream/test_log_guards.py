"""What a worker does when the log is not what its pins speak of: records deleted, topics made anew or grown.

The broker is these tests' own, and each begins with topics made anew.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from deploy.local.embedded import embedded_kafka
from deploy.topics import apply_topics
from schemas import TOPICS, USAGE_EVENTS

YEARS = str(10 * 365 * 86_400)
BY_HUNDREDS = {"CHUNK_RECORDS": "100", "CHUNK_SECONDS": YEARS}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture
def admin(broker: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker, "log_level": 0})


@pytest.fixture
def kafka(broker: str, admin: AdminClient, eventually: Any) -> str:
    """The broker's address, with topics of one partition and nothing in them."""
    make_topics_anew(broker, admin, eventually)
    return broker


def make_topics_anew(broker: str, admin: AdminClient, eventually: Any) -> None:
    names = {spec.name for spec in TOPICS}
    if there := sorted(names & admin.list_topics(timeout=30).topics.keys()):
        for deleted in admin.delete_topics(there).values():
            deleted.result(30)
    eventually(lambda: not names & admin.list_topics(timeout=30).topics.keys())
    apply_topics(broker, partitions=1)


def delete_before(admin: AdminClient, offset: int) -> None:
    for deleted in admin.delete_records([TopicPartition(USAGE_EVENTS, 0, offset)]).values():
        assert deleted.result(30).low_watermark == offset


def end_of(admin: AdminClient) -> int:
    from confluent_kafka.admin import OffsetSpec

    latest = admin.list_offsets({TopicPartition(USAGE_EVENTS, 0): OffsetSpec.latest()})
    (end,) = [result.result(30).offset for result in latest.values()]
    return int(end)


def totals(counter: Counter[str]) -> int:
    return sum(counter.values())


def test_what_is_left_of_a_chunk_whose_beginning_was_deleted_is_passed_over_and_said(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    worker = start_worker(kafka, "worker", **BY_HUNDREDS)
    usage.publish(149 - 1, repeat_every=1_000)  # the first twice, and the control record: offsets 0 to 149
    assert end_of(admin) == 150
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    worker.process.kill()
    worker.process.wait()
    before = totals(usage.expected)
    usage.publish(50, repeat_every=1_000)  # offsets 150 to 199: lost, or passed over
    lost = totals(usage.expected) - before
    usage.publish(100, repeat_every=1_000)
    delete_before(admin, 170)
    worker = start_worker(kafka, "worker", **BY_HUNDREDS)

    eventually(lambda: totals(rollups.counted()) == totals(usage.expected) - lost, within=60)
    assert worker.says("offsets 100 to 169 were deleted before they were counted to the end")
    assert worker.says("offsets 170 to 199 were passed over; counting begins at 200")


def test_a_log_that_begins_late_is_counted_from_its_next_chunk_unless_this_is_the_first_start(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    usage.publish(198, repeat_every=1_000)
    delete_before(admin, 150)
    passed_over = totals(usage.expected)
    usage.publish(50, repeat_every=1_000)
    worker = start_worker(kafka, "worker", **BY_HUNDREDS)

    eventually(lambda: totals(rollups.counted()) == totals(usage.expected) - passed_over, within=60)
    assert worker.says("has no committed offset and its log begins at 150")
    assert worker.says("offsets 150 to 199 were passed over; counting begins at 200")
    worker.process.kill()
    worker.process.wait()

    first = {**BY_HUNDREDS, "ACCEPT_LOG_START": "true", "CONSUMER_GROUP": "another"}
    start_worker(kafka, "first", **first)
    eventually(lambda: {(c["chunk_start"], c["read"]) for c in rollups.chunks()} >= {(150, 50)}, within=60)


def test_records_deleted_before_a_running_worker_read_them_are_said_and_counting_goes_on(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    worker = start_worker(kafka, "worker", **BY_HUNDREDS)
    usage.publish(147, repeat_every=1_000)  # offsets 0 to 148
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    worker.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    eventually(lambda: time.monotonic() > stopped + 1)  # a fetch that is under way is answered by then
    usage.publish(1, repeat_every=1_000)
    before = totals(usage.expected)
    usage.publish(100, repeat_every=1_000)  # offsets 150 to 249, deleted all
    lost = totals(usage.expected) - before
    delete_before(admin, 250)
    worker.process.send_signal(signal.SIGCONT)
    usage.publish(100, repeat_every=1_000)

    eventually(lambda: totals(rollups.counted()) == totals(usage.expected) - lost, within=60)
    assert worker.process.poll() is None
    assert worker.says("offsets 100 to 249 were deleted before they were counted to the end")


def test_a_worker_stops_when_its_topic_is_made_anew_and_started_again_counts_the_new_one(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    worker = start_worker(kafka, "worker")
    usage.publish(100)
    eventually(lambda: rollups.counted() == usage.expected, within=60)

    make_topics_anew(kafka, admin, eventually)
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    usage.publish(500)  # more than the old one had: no position lies outside the new log
    worker.process.wait(60)
    assert worker.process.returncode != 0
    assert worker.says("deleted and made anew") or worker.says("cannot describe")

    start_worker(kafka, "worker")
    eventually(lambda: rollups.counted() == usage.expected, within=60)


def test_partitions_added_while_workers_run_are_counted(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    start_worker(kafka, "one")
    start_worker(kafka, "two")
    usage.publish(500)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    for added in admin.create_partitions([NewPartitions(USAGE_EVENTS, 5)]).values():
        added.result(30)
    for partition in range(5):
        usage.publish(200, partition=partition)
    eventually(lambda: rollups.counted() == usage.expected, within=90)


def test_the_last_chunk_of_a_silent_partition_is_closed_by_one_tick(
    kafka: str, admin: Any, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    start_worker(kafka, "worker", CHUNK_SECONDS="1")
    usage.publish(100, repeat_every=1_000)
    end = end_of(admin)

    def closed_by_tick() -> bool:
        newest = max(rollups.chunks(), key=lambda chunk: chunk["chunk_start"], default=None)
        return (
            newest is not None and newest["chunk_start"] >= end and newest["read"] == newest["control"] == 1
        )

    eventually(closed_by_tick, within=60)
    assert rollups.counted() == usage.expected
    ticks = sum(chunk["control"] for chunk in rollups.chunks())
    usage.publish(100, repeat_every=1_000)
    eventually(lambda: sum(c["control"] for c in rollups.chunks()) == ticks + 1, within=60)
    assert rollups.counted() == usage.expected


def test_what_a_transaction_took_back_is_not_counted(
    kafka: str, start_worker: Any, new_usage: Any, new_rollups: Any, eventually: Any
) -> None:
    usage, rollups = new_usage(kafka, "acme"), new_rollups(kafka, "acme")
    start_worker(kafka, "worker")
    transactional = Producer({"bootstrap.servers": kafka, "log_level": 0, "transactional.id": "one"})
    transactional.init_transactions(30)
    for number, end in enumerate((transactional.abort_transaction, transactional.commit_transaction)):
        transactional.begin_transaction()
        transactional.produce(USAGE_EVENTS, usage._event(1_000_000 + number, "c0"))
        transactional.flush(30)
        end(30)
    usage.expected["c0"] += 1_000_001 % 7
    usage.publish(100)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
