"""Processes killed at random moments: what they put is published, and each job under one event id."""

import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from producers.outbox import BatchPublisher, Counts, Drain, Queue, QueueConfig, UsagePublisher
from producers.outbox.worker import PublishingWorker

KILLS = 8
THREADS = 3  # of putting.py
LEAST = 50
"""Jobs a process puts before it is killed, at least."""


@pytest.mark.parametrize("promise", ["at least once", "exactly once"])
def test_what_put_returned_for_is_published_however_often_the_process_is_killed(
    promise: str,
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    run_program: Callable[..., "subprocess.Popen[str]"],
    read_topic: Callable[[str], list[Any]],
    eventually: Callable[..., None],
) -> None:
    chance = random.Random(7)
    put: list[str] = []
    for _ in range(KILLS):
        names = [topic] if promise == "exactly once" else []
        process = run_program("putting", str(config.path), topic, kafka, *names)
        put += _said_until_killed(process, LEAST + chance.randrange(400), chance.random() * 1.5)
    with Drain(config=config, publisher=_publisher(promise, kafka, topic)):
        eventually(lambda: queue.counts() == Counts())
    published = Counter(orjson.loads(each.value())["event_id"] for each in read_topic(topic))
    assert set(put) <= set(published)
    assert len(put) == len(set(put))
    # A put that the kill came into may have been stored before it could be said.
    assert len(published) - len(put) <= KILLS * THREADS
    # What was being published at a kill is sent again with its id, and nothing else ever is.
    in_doubt = KILLS * 2 * PublishingWorker.jobs_at_once if promise == "at least once" else 0
    assert published.total() - len(published) <= in_doubt
    print(f"put {len(put)}, published {len(published)} under {published.total()} records, {KILLS} kills")


def _publisher(promise: str, kafka: str, topic: str) -> UsagePublisher | BatchPublisher:
    if promise == "exactly once":
        return BatchPublisher(kafka, topic, topic=topic)
    return UsagePublisher(kafka, topic=topic)


def _said_until_killed(process: "subprocess.Popen[str]", jobs: int, seconds: float) -> list[str]:
    """Kill the process so many seconds after it said that it had put so many jobs."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    said = []
    for line in process.stdout:
        if line.endswith("\n"):
            said.append(line.strip())
        if len(said) == jobs:
            timer.start()
    process.wait()
    timer.join()
    assert len(said) >= jobs, "it ended before it was killed"
    return said


@pytest.mark.parametrize("moment", ["before it was sent", "after it was stored"])
def test_a_job_caught_in_the_middle_is_published_under_its_one_id(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    moment: str,
    read_topic: Callable[[str], list[Any]],
    eventually: Callable[..., None],
    run_program: Callable[..., "subprocess.Popen[str]"],
) -> None:
    [event_id] = queue.put_usage({"tenant_id": "t", "customer_id": "c", "event_name": "pages"})
    sends = "send" if moment == "after it was stored" else "no"
    process = run_program("caught", str(config.path), topic, kafka, sends)
    assert process.wait() == -9
    assert queue.counts() == Counts(doing=1)
    with Drain(config=config, publisher=UsagePublisher(kafka, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    records = [orjson.loads(each.value())["event_id"] for each in read_topic(topic)]
    assert records == [event_id] * (2 if sends == "send" else 1)
