"""The changelog of the sessions' table: a compacted topic from which whoever owns a partition restores it.

Faust's own recovery is not used: it delivers boundaries meanwhile, and drops some (ARCHITECTURE.md).
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from schemas import SESSION_BOUNDARIES
from stream.errors import BrokerAwayError, ChangelogError, TopicMissingError
from stream.sessions.table import SessionTable
from stream.topic_ids import read_topic_id

logger = logging.getLogger(__name__)

VERSION_HEADER: Final = "meterstream-version"
"""On a record that deletes a state: the version of what it deletes."""
_MIN_IN_SYNC: Final = "min.insync.replicas"
_RPC_SECONDS: Final = 5
_READ_SECONDS: Final = 0.1
_EARLY_SECONDS: Final = 60.0
_FINAL: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)
"""Errors that waiting does not mend."""


def changelog_name(consumer_group: str) -> str:
    """Return the name of the table's changelog, which is the one Faust would give it."""
    return f"{consumer_group}-sessions-changelog"


def deletion(version: int) -> list[tuple[str, bytes | None]]:
    """Return the headers of a record that deletes a state of that version."""
    return [(VERSION_HEADER, str(version).encode())]


class Shape(NamedTuple):
    """How a topic is laid out: its partitions, and the copies of each."""

    partitions: int
    replicas: int


def create_changelog(bootstrap_servers: str, consumer_group: str) -> bool:
    """Create the changelog if it is not there, laid out as `session-boundaries` is. Blocking.

    A key's state is on the partition of the same number as its boundaries, in as many copies: what of the two
    is lost first decides what is lost.

    Returns:
        Whether it was not there.

    Raises:
        BrokerAwayError: The broker does not answer.
        TopicMissingError: `session-boundaries` is not there, or not for us.
        ChangelogError: The changelog has another number of partitions, or cannot be created.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    boundaries = _shape(admin, SESSION_BOUNDARIES)
    if boundaries is None:
        raise TopicMissingError(
            f"{SESSION_BOUNDARIES} is not on {bootstrap_servers}: was `meterstream topics apply` run?"
        )
    name = changelog_name(consumer_group)
    existing = _shape(admin, name)
    if existing is None:
        return _create(admin, name, boundaries)
    if existing.partitions != boundaries.partitions:
        raise ChangelogError(
            f"{SESSION_BOUNDARIES} has {boundaries.partitions} partitions and {name} {existing.partitions}: "
            "states are by partition. Choose another METERSTREAM_SESSIONS_CONSUMER_GROUP: under it they are "
            f"paired anew from all boundaries retained. If partitions were added to {SESSION_BOUNDARIES}, "
            "boundaries of one session from before and after lie on two and are not paired: publish those "
            "sessions' boundaries once more"
        )
    return False


def _shape(admin: AdminClient, topic: str) -> Shape | None:
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_RPC_SECONDS)
    try:
        partitions = described[topic].result().partitions
        return Shape(len(partitions), min(len(one.replicas) for one in partitions))
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        if code in _FINAL:
            raise TopicMissingError(f"cannot describe {topic}: {error}") from error
        raise BrokerAwayError(f"cannot describe {topic}: {error}") from error


def _create(admin: AdminClient, name: str, shape: Shape) -> bool:
    try:
        config = {"cleanup.policy": "compact", _MIN_IN_SYNC: _min_in_sync(admin)}
        topic = NewTopic(name, shape.partitions, shape.replicas, config=config)
        created: Future[None] = admin.create_topics([topic], operation_timeout=_RPC_SECONDS)[name]
        created.result()
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return True  # another worker is starting, too, and it was not there before
        if reason.retriable():
            raise BrokerAwayError(f"cannot create {name}: {error}") from error
        raise ChangelogError(
            f"cannot create {name}: {error}; create it with {shape.partitions} partitions, "
            f"{shape.replicas} copies of each, compacted"
        ) from error
    return True


def _min_in_sync(admin: AdminClient) -> str:
    asked = ConfigResource(ResourceType.TOPIC, SESSION_BOUNDARIES)
    described = admin.describe_configs([asked], request_timeout=_RPC_SECONDS)[asked].result()
    return str(described[_MIN_IN_SYNC].value)


def read_changelog_id(bootstrap_servers: str, topic: str) -> str:
    """Return Kafka's id of the changelog. Blocking, for seconds.

    Raises:
        BrokerAwayError: The broker does not answer.
        ChangelogError: The changelog is not there, or not for us.
    """
    try:
        return read_topic_id(bootstrap_servers, topic)
    except TopicMissingError as missing:
        raise ChangelogError(f"{topic} is gone: a worker started again creates it") from missing


def read_ends(bootstrap_servers: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return where partitions of the changelog end, as their leaders say it. Blocking, for seconds.

    A new leader does not say it before it knows it, while what it gives to read may end too early until then.

    Raises:
        BrokerAwayError: A leader does not answer, or not yet.
        ChangelogError: The changelog is not there, or not for us.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    asked = {TopicPartition(topic, one): OffsetSpec.latest() for one in partitions}  # type: ignore[no-untyped-call]
    if not asked:
        return {}
    answers = admin.list_offsets(
        asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_RPC_SECONDS
    )
    try:
        return {one.partition: answer.result().offset for one, answer in answers.items()}
    except KafkaException as error:
        if error.args[0].code() in _FINAL:
            raise ChangelogError(f"cannot read the ends of {topic}: {error}") from error
        raise BrokerAwayError(f"cannot read the ends of {topic}: {error}") from error


def restore(
    bootstrap_servers: str,
    topic: str,
    tables: Mapping[int, SessionTable],
    ends: Mapping[int, int],
    is_wanted: Callable[[], bool],
) -> bool:
    """Read the changelog's partitions into their tables, to their ends; blocking, for as long as that takes.

    Args:
        bootstrap_servers: Of the brokers; while they are away it waits.
        topic: The changelog.
        tables: Empty ones, by partition.
        ends: The offsets up to which to read, by partition.
        is_wanted: Asked again and again; it ends early once not.

    Returns:
        Whether it was read to the ends.

    Raises:
        ChangelogError: The changelog is not there, or not for us, or a record of it is no state.
    """
    consumer = _consumer(bootstrap_servers)
    progress = Progress(topic, ends)
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in tables])
        while progress.unread and is_wanted():
            for message in consumer.consume(num_messages=5_000, timeout=_READ_SECONDS):
                error = message.error()
                if error is None:
                    _take(message, tables)
                    progress.read_to(message.partition() or 0, (message.offset() or 0) + 1)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name for it
                    progress.end_at(message.partition() or 0, message.offset() or 0)
                else:
                    _raise_if_final(error, topic, progress.unread)
            progress.check()
    finally:
        consumer.close()
    return not progress.unread


class Progress:
    """How far partitions are read, to the ends their leaders said.

    Attributes:
        unread: The partitions that are not read to their ends yet.
    """

    def __init__(self, topic: str, ends: Mapping[int, int]) -> None:
        self._topic = topic
        self._ends = ends
        self._early: dict[int, tuple[int, float]] = {}
        self.unread = set(ends)

    def read_to(self, partition: int, offset: int) -> None:
        """Take note that all before an offset was read."""
        self._early.pop(partition, None)
        if offset >= self._ends[partition]:
            self.unread.discard(partition)

    def end_at(self, partition: int, offset: int) -> None:
        """Take note that there is nothing more to read, for now: after an election the end may be early."""
        self.read_to(partition, offset)
        if partition in self.unread:
            self._early[partition] = (offset, time.monotonic())

    def check(self) -> None:
        """Give an early end no longer than an election takes.

        Raises:
            ChangelogError: States that were there are lost.
        """
        for partition, (offset, since) in self._early.items():
            if time.monotonic() - since > _EARLY_SECONDS:
                raise ChangelogError(
                    f"{self._topic}/{partition} has nothing to read from offset {offset} on and ended at "
                    f"{self._ends[partition]} before: the brokers have lost states. Choose another "
                    "METERSTREAM_SESSIONS_CONSUMER_GROUP: under it they are paired anew"
                )


def _consumer(bootstrap_servers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "meterstream-sessions-changelog",  # librdkafka asks for one; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,  # the end of an empty partition is said after that
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "isolation.level": "read_committed",
        },
        logger=logger,
    )


def _take(message: Message, tables: Mapping[int, SessionTable]) -> None:
    key, value = message.key(), message.value()
    if not isinstance(key, bytes) or isinstance(value, str):
        return
    headers = dict(message.headers() or [])
    version = headers.get(VERSION_HEADER)
    try:
        tables[message.partition() or 0].restore(key, value, int(version) if version else 0)
    except (ValueError, msgspec.MsgspecError) as invalid:
        raise ChangelogError(
            f"{message.topic()}/{message.partition()} offset {message.offset()} is no state of a session: "
            f"{invalid}. Choose another METERSTREAM_SESSIONS_CONSUMER_GROUP: under it they are paired anew"
        ) from invalid


def _raise_if_final(error: KafkaError, topic: str, unread: Collection[int]) -> None:
    if error.fatal() or error.code() in _FINAL:
        raise ChangelogError(
            f"cannot read partitions {sorted(unread)} of {topic}: {error}; a worker started again creates it"
        )
