"""Outboxes published to a real broker."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from producers.outbox import (
    Counts,
    Drain,
    KeyOrganizationModel,
    Queue,
    QueueConfig,
    ThreadPool,
    UsagePublisher,
    build_job_data,
)
from schemas import UsageEvent, message_key

Eventually = Callable[..., None]
ReadTopic = Callable[[str], list[Any]]
EVENT = {"tenant_id": "t", "customer_id": "c", "event_name": "pages", "properties": {"total_usage": 1.25}}


def _published(messages: list[Any]) -> dict[str, dict[str, Any]]:
    events = [orjson.loads(each.value()) for each in messages]
    assert len({each["event_id"] for each in events}) == len(events)
    return {each["event_id"]: each for each in events}


def test_a_drain_publishes_counts_and_usage_under_their_jobs_ids(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    organization = KeyOrganizationModel(pk=7, project_pk=12)
    counted = queue.put(build_job_data("MAPS", "load", organization, counter=3, source="js-sdk"))
    [used] = queue.put_usage(EVENT)
    loose = queue.put(EVENT)
    with Drain(config=config, publisher=UsagePublisher(kafka, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    messages = read_topic(topic)
    published = _published(messages)
    assert published.keys() == {counted, used, loose}
    assert published[counted]["source"] == "js-sdk"
    assert published[counted]["event_name"] == "MAPS.load"
    assert {each.key() for each in messages} == {message_key("7", "12"), message_key("t", "c")}
    for message in messages:
        UsageEvent.from_json(message.value())


def test_a_pool_publishes_with_the_same_handler_job_by_job(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    put = queue.put_usage(*(EVENT | {"event_id": f"e-{number}"} for number in range(50)))
    put += queue.put_many([EVENT] * 50)
    publisher = UsagePublisher(kafka, topic=topic)
    with ThreadPool(8, publisher, config):
        eventually(lambda: queue.counts() == Counts())
    publisher.close()
    assert _published(read_topic(topic)).keys() == set(put)


def test_what_no_broker_takes_fails_alone(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    good = queue.put_usage(*(EVENT | {"event_id": f"e-{number}"} for number in range(20)))
    no_usage = queue.put({"n": 1})
    huge = queue.put(EVENT | {"properties": {"text": "x" * 2_000_000}})
    good += queue.put_usage(*(EVENT | {"event_id": f"f-{number}"} for number in range(20)))
    with Drain(config=config, publisher=UsagePublisher(kafka, topic=topic)):
        eventually(lambda: queue.counts() == Counts(failed=2))
    reasons = {each.job.job_id: each.reason for each in queue.failed()}
    assert "tenant_id" in reasons[no_usage]
    assert "too large" in reasons[huge]
    assert _published(read_topic(topic)).keys() == set(good)
    queue.put(EVENT | {"properties": {"text": "x" * 2_000_000}})
    publisher = UsagePublisher(kafka, topic=topic)
    with ThreadPool(1, publisher, config):
        eventually(lambda: queue.counts() == Counts(failed=3))
    publisher.close()


def test_jobs_wait_for_a_broker_that_is_away(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    read_topic: ReadTopic,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put = queue.put_usage(*(EVENT | {"event_id": f"e-{number}"} for number in range(30)))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = UsagePublisher(f"127.0.0.1:{unused.getsockname()[1]}", topic=topic, delivery_timeout=0.5)
        with Drain(config=config, publisher=nobody):
            eventually(lambda: "30 jobs wait" in caplog.text)
        assert queue.counts() == Counts(todo=30)
    with Drain(config=config, publisher=UsagePublisher(kafka, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    assert _published(read_topic(topic)).keys() == set(put)


def test_a_drain_stops_in_time_though_its_broker_is_away(
    topic: str, queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    queue.put_usage(EVENT)
    drain = Drain(config=config, publisher=UsagePublisher("127.0.0.1:1", topic=topic, delivery_timeout=600))
    eventually(lambda: queue.counts() == Counts(doing=1))
    assert drain.stop(timeout=0.1)
    assert queue.counts() == Counts(todo=1)


def test_a_drain_needs_to_know_its_brokers(config: QueueConfig) -> None:
    with pytest.raises(ValueError, match="METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"):
        Drain(config=config)


def test_the_command_line_drains_and_says_what_is_left(
    kafka_with_topics: str, queue: Queue, config: QueueConfig, fresh: Callable[[str], str]
) -> None:
    def command(*words: str) -> str:
        run = [sys.executable, "-m", "producers.outbox", "--path", str(config.path), *words]
        return subprocess.run(run, check=True, capture_output=True, text=True, timeout=120).stdout

    queue.put_usage(EVENT | {"tenant_id": fresh("tenant")})
    bad = queue.put({"n": 1})
    status = json.loads(command("status"))
    assert (status["todo"], status["doing"], status["failed"]) == (2, 0, 0)
    assert status["oldest_seconds"] >= 0
    command("drain", "--kafka-url", kafka_with_topics, "--until-empty")
    status = json.loads(command("status"))
    assert (status["todo"], status["doing"], status["failed"]) == (0, 0, 1)
    assert status["first_failed"][0]["job_id"] == bad
    assert command("retry") == "1 jobs are to be done again\n"
    [job] = queue.take()
    queue.fail(job.job_id, "again")
    assert command("discard") == "1 jobs were deleted\n"
    assert queue.counts() == Counts()


def test_a_publisher_works_in_parent_and_forked_child_alike(
    kafka: str, topic: str, read_topic: ReadTopic
) -> None:
    publisher = UsagePublisher(kafka, topic=topic)
    publisher("parent-1", EVENT)
    child = os.fork()
    if child == 0:
        publisher("child", EVENT)
        publisher.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    publisher("parent-2", EVENT)
    publisher.close()
    assert _published(read_topic(topic)).keys() == {"parent-1", "child", "parent-2"}


_ENDING = """
import sys, time
from producers.outbox import Counts, Drain, Queue, QueueConfig
config = QueueConfig(sys.argv[1])
queue = Queue(config)
queue.put_usage({"tenant_id": "t", "customer_id": "c", "event_name": "pages"})
drain = Drain("127.0.0.1:1", config)
while queue.counts() != Counts(doing=1):
    time.sleep(0.01)
"""


def test_a_program_that_ends_while_its_broker_is_away_does_not_say_that_usage_was_lost(
    queue: Queue, config: QueueConfig
) -> None:
    run = [sys.executable, "-c", _ENDING, str(config.path)]
    done = subprocess.run(run, check=True, capture_output=True, text=True, timeout=120)
    assert "lost" not in done.stderr
    assert queue.recover() == 1
    assert queue.counts() == Counts(todo=1)
