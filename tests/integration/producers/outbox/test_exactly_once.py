"""Batches that Kafka itself knows it has."""

import socket
import subprocess
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from producers.outbox import BatchPublisher, Counts, Drain, Queue, QueueConfig

Eventually = Callable[..., None]
ReadTopic = Callable[[str], list[Any]]
EVENT = {"tenant_id": "t", "customer_id": "c", "event_name": "pages", "properties": {"total_usage": 1}}


def _ids(messages: list[Any]) -> list[str]:
    return [orjson.loads(each.value())["event_id"] for each in messages]


def _put(queue: Queue, count: int, name: str = "e") -> list[str]:
    return queue.put_usage(*(EVENT | {"event_id": f"{name}-{number}"} for number in range(count)))


def test_each_job_is_in_the_topic_once(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    put = _put(queue, 2_500)
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
        put += _put(queue, 10, "f")
        eventually(lambda: queue.counts() == Counts())
    assert sorted(_ids(read_topic(topic))) == sorted(put)


def test_a_batch_that_was_stored_when_its_process_died_is_not_sent_again(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    read_topic: ReadTopic,
    eventually: Eventually,
    run_program: Callable[..., "subprocess.Popen[str]"],
) -> None:
    put = _put(queue, 3)
    assert run_program("caught", str(config.path), topic, kafka, "batch").wait() == -9
    assert queue.counts() == Counts(doing=3)
    assert queue.recover() == 0  # only Kafka knows
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    assert _ids(read_topic(topic)) == put


def test_a_batch_that_was_not_stored_when_its_process_died_is_sent(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    put = _put(queue, 3)
    assert queue.take_batch(topic, 10)[0] == 1
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    assert _ids(read_topic(topic)) == put


def test_a_new_file_goes_on_where_the_numbers_of_the_old_one_ended(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    other = Queue(QueueConfig(str(config.path) + "-other"))
    for each in (queue, other):
        put = _put(each, 2, name=str(id(each)))
        publisher = BatchPublisher(kafka, topic, topic=topic)
        with Drain(config=QueueConfig(each._spool.config.path), publisher=publisher):
            eventually(lambda each=each: each.counts() == Counts())
        assert set(put) <= set(_ids(read_topic(topic)))
    assert len(read_topic(topic)) == 4
    other.close()


def test_what_no_broker_takes_fails_alone(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    good = _put(queue, 7)
    no_usage = queue.put({"n": 1})
    huge = queue.put(EVENT | {"properties": {"text": "x" * 2_000_000}})
    good += _put(queue, 7, "f")
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts(failed=2))
    reasons = {each.job.job_id: each.reason for each in queue.failed()}
    assert "tenant_id" in reasons[no_usage]
    assert "too large" in reasons[huge]
    assert sorted(_ids(read_topic(topic))) == sorted(good)


def test_jobs_wait_for_a_broker_that_is_away(
    kafka: str,
    topic: str,
    queue: Queue,
    config: QueueConfig,
    read_topic: ReadTopic,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put = _put(queue, 30)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        servers = f"127.0.0.1:{unused.getsockname()[1]}"
        nobody = BatchPublisher(servers, topic, topic=topic, delivery_timeout=1)
        with Drain(config=config, publisher=nobody):
            eventually(lambda: "no jobs can be taken" in caplog.text)
        assert queue.counts() == Counts(todo=30)
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
    assert sorted(_ids(read_topic(topic))) == sorted(put)


def test_of_two_drains_with_one_name_the_later_goes_on_and_no_job_is_stored_twice(
    kafka: str, topic: str, queue: Queue, config: QueueConfig, read_topic: ReadTopic, eventually: Eventually
) -> None:
    put = _put(queue, 100)
    with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
        eventually(lambda: queue.counts() == Counts())
        with Drain(config=config, publisher=BatchPublisher(kafka, topic, topic=topic)):
            put += _put(queue, 100, "f")
            eventually(lambda: queue.counts() == Counts())
    assert sorted(_ids(read_topic(topic))) == sorted(put)
