"""Reads what a topic gets from now on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from benchmarks.errors import BenchmarkError
from producers.kafka_client import consumer_config
from producers.settings import current_settings

_RECORDS: Final = 1_000
_WAIT_SECONDS: Final = 0.1
_RPC_SECONDS: Final = 30.0
_NOT_YET_LED: Final = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


class Tail:
    """A consumer of all partitions of a topic, from their ends at the time it was made."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        consumer.assign(
            [TopicPartition(topic, partition, end) for partition, end in _ends(consumer, topic).items()]
        )

    def read(self, wait_seconds: float = _WAIT_SECONDS) -> list[Message]:
        """Return what comes within so long, at the most 1,000 messages."""
        messages = []
        for message in self._consumer.consume(_RECORDS, wait_seconds):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.name() != "_PARTITION_EOF" and not error.retriable():
                raise BenchmarkError(f"the results cannot be read: {error.str()}")
        return messages


@contextmanager
def tail(bootstrap_servers: str, topic: str) -> Iterator[Tail]:
    """A Tail for as long as the block runs."""
    with _consumer(bootstrap_servers) as consumer:
        yield Tail(consumer, topic)


def count_records(bootstrap_servers: str, topic: str) -> int:
    """How many records a topic without transactions or retention has."""
    with _consumer(bootstrap_servers) as consumer:
        return sum(_ends(consumer, topic).values())


@contextmanager
def _consumer(bootstrap_servers: str) -> Iterator[Consumer]:
    consumer = Consumer(consumer_config(bootstrap_servers, current_settings(), "meterstream-bench-reader"))
    try:
        yield consumer
    finally:
        consumer.close()


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    partitions = consumer.list_topics(timeout=_RPC_SECONDS).topics[topic].partitions
    return {partition: _end(consumer, TopicPartition(topic, partition)) for partition in partitions}


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    deadline = time.monotonic() + _RPC_SECONDS
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=_RPC_SECONDS)[1]
        except KafkaException as error:
            # A topic's leader may be named before it knows that it leads, which librdkafka does not call
            # retriable.
            known = error.args[0]
            passes = known.retriable() or known.code() in _NOT_YET_LED
            if not passes or time.monotonic() > deadline:
                raise
        time.sleep(_WAIT_SECONDS)
