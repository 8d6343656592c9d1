"""The sink's Kafka consumer: its configuration, and its messages as source records."""

import logging
from collections.abc import Iterable
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from sinks.settings import SinkSettings
from sinks.source_records import Headers, SourceRecord
from sinks.topic_ids import TopicIds

_PREFETCH_KILOBYTES: Final = 16 * 1024

log = logging.getLogger(__name__)


def consumer_config(settings: SinkSettings) -> dict[str, str | int | float | bool]:
    """What the consumer is configured with; offsets are committed by the sink alone, after the insert."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": settings.sink_group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "partition.assignment.strategy": "cooperative-sticky",
        # A sink that was killed must not keep its partitions for long.
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
        # The default of a second between fetches of a full queue quarters the rate.
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": _PREFETCH_KILOBYTES,
        "fetch.message.max.bytes": 4 * 1024 * 1024,
        # A topic created after the sink started is found within this time.
        "topic.metadata.refresh.interval.ms": 5_000,
    }
    if settings.consumer_group_instance_id:
        config["group.instance.id"] = settings.consumer_group_instance_id
    return config


def open_consumer(settings: SinkSettings) -> Consumer:
    """Create the consumer; it connects by itself, and goes on trying."""
    return Consumer(consumer_config(settings), logger=log)


def source_records(messages: Iterable[Message], topic_ids: TopicIds) -> list[SourceRecord]:
    """The records among the messages; errors are logged, and a fatal one raises KafkaException."""
    return [_source_record(message, topic_ids) for message in messages if _is_record(message)]


def _source_record(message: Message, topic_ids: TopicIds) -> SourceRecord:
    topic = message.topic() or ""
    return SourceRecord(
        topic,
        topic_ids[topic],
        message.partition() or 0,
        message.offset() or 0,
        max(message.timestamp()[1], 0),
        message.key() or b"",
        message.value(),
        tuple(cast("Headers", message.headers() or ())),
    )


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        log.warning("topic is not there yet, waiting: %s", error.str())
    else:
        log.warning("kafka: %s", error)
    return False
