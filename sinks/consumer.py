"""The sink's Kafka consumer: its configuration, and its messages as source records."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, Message

from sinks.batches import TopicPartition as Place
from sinks.commits import Commits
from sinks.errors import KafkaAwayError
from sinks.settings import SinkSettings
from sinks.source_records import Headers, SourceRecord
from sinks.topic_ids import TopicIds

_PREFETCH_KILOBYTES: Final = 16 * 1024
_LAST_TIME: Final = 10_413_791_999_999
"""The last millisecond of 2299, the last a DateTime64 has: a producer may claim any."""
_OUT_OF_RANGE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001
_TRUNCATED: Final = KafkaError._LOG_TRUNCATION  # noqa: SLF001 - confluent-kafka's names for its own errors
_FATAL: Final = KafkaError._FATAL  # noqa: SLF001
"""Said of a consumer that can never read again, as a fenced one; the error itself does not call it fatal."""
_READ_HEADERS: Final = methodcaller("headers")
"""It fails with an error and a result, which Python, once warm, sees only where it calls by way of C."""
_ANOTHER_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.INCONSISTENT_TOPIC_ID,
    }
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought.

    Attributes:
        records: In the order they were read.
        out_of_range: Partitions that are read no further, for the log does not have the offset that is next.
        truncated: Partitions that are read no further, for the log has other records where it was read.
        is_odd: Whether a topic may have been deleted.
    """

    records: list[SourceRecord] = field(default_factory=list)
    out_of_range: dict[Place, int] = field(default_factory=dict)
    truncated: set[Place] = field(default_factory=set)
    is_odd: bool = False


def consumer_config(settings: SinkSettings) -> dict[str, object]:
    """What the consumer is configured with; offsets are committed by the sink alone, after the insert."""
    config: dict[str, object] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": settings.sink_group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where records are gone, the sink says so before it goes on.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        # Not a cooperative one: together with instance ids it can leave partitions to nobody, for good, when
        # the coordinator fails or a sink is killed between its two phases.
        "partition.assignment.strategy": "roundrobin",
        # A sink that was killed must not keep its partitions for long.
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
        # The default of a second between fetches of a full queue quarters the rate.
        "fetch.queue.backoff.ms": 5,
        # A fetch answered at every few records costs the broker more than the records do.
        "fetch.min.bytes": 65_536,
        "fetch.wait.max.ms": 100,
        # A fetch is bounded as it is compressed, and what it holds is many times that.
        "queued.max.messages.kbytes": _PREFETCH_KILOBYTES,
        "fetch.message.max.bytes": 1024 * 1024,
        "fetch.max.bytes": 2 * 1024 * 1024,
        # A topic created after the sink started is found within this time.
        "topic.metadata.refresh.interval.ms": 5_000,
    }
    if settings.consumer_group_instance_id:
        config["group.instance.id"] = settings.consumer_group_instance_id
    return config


def open_consumer(settings: SinkSettings, commits: Commits) -> Consumer:
    """Create the consumer; it connects by itself, and goes on trying. `commits` is told what is committed."""
    return Consumer(consumer_config(settings) | {"on_commit": commits.answered}, logger=log)


def poll_of(messages: Sequence[Message], topic_ids: TopicIds) -> Poll:
    """Sort messages; errors are logged, and a fatal one raises KafkaAwayError."""
    errors = [message for message in messages if message.error() is not None]
    return Poll(
        [_source_record(message, topic_ids) for message in messages if message.error() is None],
        {_place(each): each.offset() or 0 for each in errors if _code(each) in _OUT_OF_RANGE},
        {_place(each) for each in errors if _code(each) == _TRUNCATED},
        sum(_is_odd(each) for each in errors) > 0,
    )


def _source_record(message: Message, topic_ids: TopicIds) -> SourceRecord:
    topic = message.topic() or ""
    return SourceRecord(
        topic,
        topic_ids[topic],
        message.partition() or 0,
        message.offset() or 0,
        min(max(message.timestamp()[1], 0), _LAST_TIME),
        message.key() or b"",
        message.value(),
        _headers(message),
    )


def _headers(message: Message) -> Headers:
    """The headers; none, which is logged, where a name is not UTF-8: confluent-kafka cannot read them."""
    try:
        return tuple(cast("Headers", _READ_HEADERS(message) or ()))
    except (SystemError, UnicodeDecodeError):
        place = message.topic(), message.partition(), message.offset()
        log.error("headers left out, a name is not UTF-8: topic=%s partition=%s offset=%s", *place)
        return ()


def _place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0


def _code(message: Message) -> int:
    error = message.error()
    return 0 if error is None else error.code()


def _is_odd(message: Message) -> bool:
    """Log an error, and tell whether it may come of a topic that is another now."""
    error = message.error()
    if error is None or error.code() in _OUT_OF_RANGE or error.code() == _TRUNCATED:
        return False
    if error.fatal() or error.code() == _FATAL:
        raise KafkaAwayError(f"the consumer cannot go on: {error}")
    log.warning("kafka: %s", error)
    return error.code() in _ANOTHER_TOPIC
