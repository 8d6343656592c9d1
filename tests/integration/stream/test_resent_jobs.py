"""Jobs of an outbox that are sent again after a crash: counted once within the dedupe horizon."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.outbox import BatchPublisher, Counts, Drain, Queue, QueueConfig, UsagePublisher
from producers.outbox.events import JobEncoder

DEDUPE_RECORDS = 1_000
UNITS = 1_000_000


@pytest.mark.parametrize(
    ("promise", "between", "counted"),
    [
        ("at least once", 0, 1),
        ("at least once", 3 * DEDUPE_RECORDS, 2),
        ("exactly once", 3 * DEDUPE_RECORDS, 1),
    ],
)
def test_how_often_a_job_counts_whose_process_died_before_it_noted_that_it_was_stored(
    promise: str,
    between: int,
    counted: int,
    kafka_with_topics: str,
    fresh: Callable[[str], str],
    start_worker: Callable[..., Any],
    new_usage: Callable[[str, str], Any],
    new_rollups: Callable[[str, str], Any],
    eventually: Callable[..., None],
    tmp_path: Path,
) -> None:
    tenant = fresh("tenant")
    usage, rollups = new_usage(kafka_with_topics, tenant), new_rollups(kafka_with_topics, tenant)
    start_worker(kafka_with_topics, fresh("worker"), DEDUPE_RECORDS=str(DEDUPE_RECORDS))
    config = QueueConfig(tmp_path / "outbox.sqlite3")
    queue = Queue(config)
    queue.put_usage(
        {"tenant_id": tenant, "customer_id": "late", "event_name": "used", "properties": {"units": UNITS}}
    )
    _store_and_die(promise, queue, kafka_with_topics, tenant)
    for partition in range(4):
        usage.publish(between, partition=partition)
    once = promise == "exactly once"
    publisher = BatchPublisher(kafka_with_topics, tenant) if once else UsagePublisher(kafka_with_topics)
    with Drain(config=config, publisher=publisher):
        eventually(lambda: queue.counts() == Counts())
    usage.publish(10)  # once these are counted, so is what came before
    for partition in range(4):
        usage.publish(1, partition=partition)
    eventually(lambda: rollups.counted() == usage.expected | {"late": counted * UNITS})
    queue.close()


def _store_and_die(promise: str, queue: Queue, servers: str, name: str) -> None:
    """What a process does that is killed when the broker has answered and the outbox does not know yet."""
    if promise == "exactly once":
        dying = BatchPublisher(servers, name)
        dying.connect()
        number, jobs = queue.take_batch(name, 10)
        assert dying.publish(number, JobEncoder().encode_all(jobs).encoded).state == "done"
        return
    [job] = queue.take()
    publisher = UsagePublisher(servers)
    publisher(job.job_id, job.data)
    publisher.close()
    queue.give_back(job.job_id)
