"""UsageProducer against a real broker."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from producers import (
    DeliveryError,
    InvalidEventError,
    ProducerClosedError,
    UsageProducer,
    UsageRecord,
)
from schemas import message_key


def _events(count: int) -> list[dict[str, Any]]:
    return [
        {"event_id": f"e-{number}", "tenant_id": "t", "event_name": "pages", "customer_id": f"c-{number % 7}"}
        for number in range(count)
    ]


def test_what_is_sent_in_a_block_is_stored_when_the_block_ends(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]], fields: Callable[[Any], dict[str, Any]]
) -> None:
    with UsageProducer(f"kafka://{kafka}", topic=topic) as producer:
        sent = [producer.send(event) for event in _events(5_000)]
        sent.append(producer.send(UsageRecord("t", "c", "pages", {"total_usage": 1})))
    messages = read_topic(topic)
    assert sorted(fields(each)["event_id"] for each in messages) == sorted(sent)
    assert all(each.key() == message_key("t", fields(each)["customer_id"]) for each in messages)


def test_send_many_says_where_each_event_is(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]], fields: Callable[[Any], dict[str, Any]]
) -> None:
    with UsageProducer(kafka, topic=topic) as producer:
        deliveries = producer.send_many(iter(_events(2_500)))
        deliveries.raise_for_failures()
    stored = {(each.partition(), each.offset()): fields(each)["event_id"] for each in read_topic(topic)}
    assert [each.event_id for each in deliveries] == [event["event_id"] for event in _events(2_500)]
    assert {(each.partition, each.offset): each.event_id for each in deliveries} == stored
    assert deliveries[-1] == deliveries[2_499]
    assert len(deliveries[10:20]) == 10


def test_a_full_queue_makes_callers_wait_and_loses_nothing(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]]
) -> None:
    with UsageProducer(kafka, topic=topic, queue_size=10) as producer:
        for event in _events(500):
            producer.send(event)
        producer.send_many(_events(500)).raise_for_failures()
    assert len(read_topic(topic)) == 1_000


def test_an_invalid_event_in_a_batch_is_named_by_position_and_nothing_is_sent(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]]
) -> None:
    with UsageProducer(kafka, topic=topic) as producer:
        with pytest.raises(InvalidEventError, match=r"event 2 of the batch: .*tenant_id"):
            producer.send_many([*_events(2), {"event_name": "pages", "customer_id": "c"}])
        with pytest.raises(InvalidEventError, match="too large"):
            producer.send(_events(1)[0] | {"properties": {"a": "x" * 2_000_000}})
    assert read_topic(topic) == []


def test_events_that_were_not_stored_are_raised_when_the_block_ends(settings: Callable[..., None]) -> None:
    settings(delivery_timeout="0.5")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        kafka_url = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(DeliveryError, match="3 events were not stored") as raised:
            _send_in_a_block(kafka_url, _events(3))
        with UsageProducer(kafka_url) as producer:
            deliveries = producer.send_many(_events(3))
    assert [event_id for event_id, _ in raised.value.failures] == ["e-0", "e-1", "e-2"]
    assert [each.event_id for each in deliveries.failed] == ["e-0", "e-1", "e-2"]
    assert (deliveries[0].partition, deliveries[0].offset) == (-1, -1)
    with pytest.raises(DeliveryError, match="e-2"):
        deliveries.raise_for_failures()


def _send_in_a_block(kafka_url: str, events: list[Any]) -> None:
    with UsageProducer(kafka_url) as producer:
        for event in events:
            producer.send(event | {"source": "block"})


def test_the_error_that_ended_a_block_is_not_hidden_by_failed_events(
    settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    settings(delivery_timeout="0.5")
    with pytest.raises(TypeError):
        _send_in_a_block("127.0.0.1:1", [*_events(1), None])
    assert "1 events were not stored" in caplog.text


def test_threads_share_a_producer(kafka: str, topic: str, read_topic: Callable[[str], list[Any]]) -> None:
    with UsageProducer(kafka, topic=topic, queue_size=50) as producer:

        def work(name: str) -> None:
            for number in range(100):
                producer.send(_events(1)[0] | {"event_id": f"{name}-{number}"})
            events = [_events(1)[0] | {"event_id": f"{name}-many-{number}"} for number in range(100)]
            producer.send_many(events).raise_for_failures()

        threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    messages = read_topic(topic)
    assert len(messages) == len({each.value() for each in messages}) == 800


def test_what_is_sent_again_keeps_its_event_id(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]], fields: Callable[[Any], dict[str, Any]]
) -> None:
    event = {name: value for name, value in _events(1)[0].items() if name != "event_id"}
    with UsageProducer("127.0.0.1:1", delivery_timeout=0.2) as away:
        [failed] = away.send_many([event]).failed
    with UsageProducer(kafka, topic=topic) as producer:
        [stored] = producer.send_many([event | {"event_id": failed.event_id}])
    assert stored.event_id == failed.event_id
    assert [fields(each)["event_id"] for each in read_topic(topic)] == [failed.event_id]


def test_a_closed_producer_refuses(kafka: str, topic: str) -> None:
    producer = UsageProducer(kafka, topic=topic)
    producer.close()
    producer.close()
    for call in (
        lambda: producer.send(_events(1)[0]),
        lambda: producer.send_many(_events(1)),
        producer.flush,
    ):
        with pytest.raises(ProducerClosedError, match="closed"):
            call()


def test_a_forgotten_producer_still_delivers(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]]
) -> None:
    producer = UsageProducer(kafka, topic=topic)
    producer.send(_events(1)[0])
    del producer
    gc.collect()
    assert len(read_topic(topic)) == 1


def test_a_program_that_ends_without_closing_still_delivers(
    kafka: str, topic: str, read_topic: Callable[[str], list[Any]]
) -> None:
    program = (
        "import sys; from producers import UsageProducer\n"
        "producer = UsageProducer(sys.argv[1], topic=sys.argv[2])\n"
        "producer.send({'tenant_id': 't', 'customer_id': 'c', 'event_name': 'pages'})\n"
    )
    subprocess.run([sys.executable, "-c", program, kafka, topic], check=True, timeout=60)
    assert len(read_topic(topic)) == 1


def test_a_forked_child_needs_a_producer_of_its_own(kafka: str, topic: str) -> None:
    with UsageProducer(kafka, topic=topic) as producer:
        producer.send(_events(1)[0])
        child = os.fork()
        if child == 0:
            os._exit(_refuses_and_makes_its_own(producer, kafka, topic))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        producer.send(_events(1)[0])


def _refuses_and_makes_its_own(inherited: UsageProducer, kafka: str, topic: str) -> int:
    try:
        inherited.send(_events(1)[0])
    except ProducerClosedError:
        with UsageProducer(kafka, topic=topic) as own:
            own.send(_events(1)[0])
        return 0
    return 1


def test_asyncio_awaits_each_delivery(kafka: str, topic: str, read_topic: Callable[[str], list[Any]]) -> None:
    async def publish() -> list[Any]:
        async with UsageProducer(kafka, topic=topic, queue_size=20) as producer:
            one_by_one = await asyncio.gather(*map(producer.asend, _events(100)))
            together = await producer.asend_many(_events(100))
            producer.send(_events(1)[0])
            assert await producer.aflush() == 0
            return [*one_by_one, *together]

    deliveries = asyncio.run(publish())
    places = {(each.partition(), each.offset()) for each in read_topic(topic)}
    assert len(places) == 201
    assert {(each.partition, each.offset) for each in deliveries} < places
    assert [each.event_id for each in deliveries[:100]] == [event["event_id"] for event in _events(100)]


def test_asyncio_is_told_what_was_not_stored(settings: Callable[..., None]) -> None:
    settings(delivery_timeout="0.5")

    async def publish() -> None:
        async with UsageProducer("127.0.0.1:1") as producer:
            await producer.asend(_events(1)[0])

    with pytest.raises(DeliveryError, match="e-0"):
        asyncio.run(publish())


def test_brokers_come_from_the_environment_unless_given(
    settings: Callable[..., None], kafka: str, topic: str
) -> None:
    settings(kafka_bootstrap_servers=kafka)
    with UsageProducer(topic=topic) as producer:
        assert producer.send_many(_events(1))[0].error is None
