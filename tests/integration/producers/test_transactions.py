"""UsageProducer with a transactional_id against a real broker."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from producers import (
    BrokerUnavailableError,
    DeliveryError,
    ProducerClosedError,
    TransactionError,
    UsageProducer,
)

Fresh = Callable[[str], str]
ReadTopic = Callable[[str], list[Any]]


def _event(number: int) -> dict[str, Any]:
    return {"event_id": f"e-{number}", "tenant_id": "t", "event_name": "pages", "customer_id": "c"}


def _ids(messages: list[Any]) -> list[str]:
    return sorted(orjson.loads(each.value())["event_id"] for each in messages)


def test_what_is_sent_in_a_transaction_can_be_read_when_it_ends(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        with producer.transaction():
            producer.send(_event(0))
            producer.send(_event(1))
            producer.flush()
            assert read_topic(topic) == []
        assert _ids(read_topic(topic)) == ["e-0", "e-1"]


def test_nothing_of_a_transaction_that_raised_can_be_read(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        with pytest.raises(ZeroDivisionError):
            _send_and_fail(producer)
        with producer.transaction():
            producer.send(_event(1))
    assert _ids(read_topic(topic)) == ["e-1"]


def _send_and_fail(producer: UsageProducer) -> None:
    with producer.transaction():
        producer.send(_event(0))
        producer.flush()
        raise ZeroDivisionError


def test_send_many_is_a_transaction_of_its_own_or_part_of_an_open_one(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        deliveries = producer.send_many(map(_event, range(100)))
        deliveries.raise_for_failures()
        assert deliveries[99].offset >= 0
        with producer.transaction():
            producer.send_many([_event(100)]).raise_for_failures()
            assert len(read_topic(topic)) == 100
        assert len(read_topic(topic)) == 101


def test_send_many_that_cannot_store_one_event_stores_none(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        events = [_event(0), _event(1) | {"properties": {"a": "x" * 2_000_000}}, _event(2)]
        deliveries = producer.send_many(events)
        assert [each.event_id for each in deliveries.failed] == ["e-0", "e-1", "e-2"]
        assert [each.is_refused for each in deliveries] == [False, True, False]
        producer.send_many([_event(0)]).raise_for_failures()
    assert _ids(read_topic(topic)) == ["e-0"]


def test_threads_take_turns(kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:

        def work(first: int) -> None:
            for number in range(first, first + 10):
                producer.send_many([_event(number)]).raise_for_failures()

        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 10, 20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert _ids(read_topic(topic)) == sorted(f"e-{number}" for number in range(30))


def test_asyncio_sends_each_in_a_transaction(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    async def publish() -> None:
        async with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
            await asyncio.gather(*(producer.asend(_event(number)) for number in range(10)))

    asyncio.run(publish())
    assert len(read_topic(topic)) == 10


def test_a_send_outside_of_a_transaction_says_what_to_do(kafka: str, topic: str, fresh: Fresh) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        with pytest.raises(TransactionError, match=r"with producer\.transaction"):
            producer.send(_event(0))
        producer.send_many([_event(0)]).raise_for_failures()
        with pytest.raises(TransactionError, match=r"with producer\.transaction"):
            producer.send(_event(0))


def test_a_producer_without_an_id_has_no_transactions(kafka: str, topic: str) -> None:
    with (
        UsageProducer(kafka, topic=topic) as producer,
        pytest.raises(ValueError, match="transactional_id"),
        producer.transaction(),
    ):
        pass


def test_the_producer_made_later_ends_the_one_before(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    name = fresh("txn")
    with UsageProducer(kafka, topic=topic, transactional_id=name) as before:
        before.send_many([_event(0)]).raise_for_failures()
        with UsageProducer(kafka, topic=topic, transactional_id=name) as later:
            later.send_many([_event(1)]).raise_for_failures()
            with pytest.raises(DeliveryError):
                before.send_many([_event(2)]).raise_for_failures()
            with pytest.raises(TransactionError, match="another one with its transactional_id"):
                _in_a_transaction(before)
            later.send_many([_event(3)]).raise_for_failures()
    assert _ids(read_topic(topic)) == ["e-0", "e-1", "e-3"]


def _in_a_transaction(producer: UsageProducer) -> None:
    with producer.transaction():
        producer.send(_event(9))


def test_a_process_that_dies_in_a_transaction_leaves_nothing_to_read(
    kafka: str, topic: str, fresh: Fresh, read_topic: ReadTopic
) -> None:
    name = fresh("txn")
    program = (
        "import os, signal, sys; from producers import UsageProducer\n"
        "producer = UsageProducer(sys.argv[1], topic=sys.argv[2], transactional_id=sys.argv[3])\n"
        "with producer.transaction():\n"
        "    producer.send({'tenant_id': 't', 'customer_id': 'c', 'event_name': 'pages'})\n"
        "    producer.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = [sys.executable, "-c", program, kafka, topic, name]
    assert subprocess.run(run, check=False, timeout=60).returncode == -9
    with UsageProducer(kafka, topic=topic, transactional_id=name) as producer:
        producer.send_many([_event(1)]).raise_for_failures()
    assert _ids(read_topic(topic)) == ["e-1"]


def test_no_broker_means_no_transaction(fresh: Fresh) -> None:
    producer = UsageProducer("127.0.0.1:1", transactional_id=fresh("txn"), delivery_timeout=1)
    with pytest.raises(BrokerUnavailableError):
        _in_a_transaction(producer)
    assert len(producer.send_many([_event(0)]).failed) == 1
    producer.close()


def test_a_forked_child_needs_a_producer_of_its_own(kafka: str, topic: str, fresh: Fresh) -> None:
    with UsageProducer(kafka, topic=topic, transactional_id=fresh("txn")) as producer:
        producer.send_many([_event(0)]).raise_for_failures()
        child = os.fork()
        if child == 0:
            try:
                _in_a_transaction(producer)
            except ProducerClosedError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        producer.send_many([_event(1)]).raise_for_failures()
