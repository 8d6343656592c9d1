"""The changelog of the sessions' table: a compacted topic from which whoever owns a partition restores it.

Faust's own recovery is not used: it delivers boundaries meanwhile, and drops some (ARCHITECTURE.md).
"""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Final

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import SESSION_BOUNDARIES
from stream.errors import BrokerAwayError, ChangelogError, TopicMissingError
from stream.sessions.table import SessionTable

logger = logging.getLogger(__name__)

VERSION_HEADER: Final = "meterstream-version"
"""On a record that deletes a state: the version of what it deletes."""
_BROKER_DEFAULT: Final = -1
_RPC_SECONDS: Final = 5
_READ_SECONDS: Final = 0.1
_FINAL: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)
"""Errors that waiting does not mend."""


def changelog_name(consumer_group: str) -> str:
    """Return the name of the table's changelog, which is the one Faust would give it."""
    return f"{consumer_group}-sessions-changelog"


def deletion(version: int) -> list[tuple[str, bytes | None]]:
    """Return the headers of a record that deletes a state of that version."""
    return [(VERSION_HEADER, str(version).encode())]


def create_changelog(bootstrap_servers: str, consumer_group: str) -> None:
    """Create the changelog if it is not there, with as many partitions as `session-boundaries`. Blocking.

    A key's state is on the partition of the same number as its boundaries.

    Raises:
        BrokerAwayError: The broker does not answer.
        TopicMissingError: `session-boundaries` is not there, or not for us.
        ChangelogError: The changelog has another number of partitions, or cannot be created.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    partitions = _partitions(admin, SESSION_BOUNDARIES)
    if partitions is None:
        raise TopicMissingError(
            f"{SESSION_BOUNDARIES} is not on {bootstrap_servers}: was `meterstream topics apply` run?"
        )
    name = changelog_name(consumer_group)
    existing = _partitions(admin, name)
    if existing is None:
        _create(admin, name, partitions)
    elif existing != partitions:
        raise ChangelogError(
            f"{SESSION_BOUNDARIES} has {partitions} partitions and {name} {existing}: states are by "
            "partition. Choose another METERSTREAM_SESSIONS_CONSUMER_GROUP: under it they are paired anew "
            "from all boundaries retained."
        )


def _partitions(admin: AdminClient, topic: str) -> int | None:
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_RPC_SECONDS)
    try:
        return len(described[topic].result().partitions)
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        if code in _FINAL:
            raise TopicMissingError(f"cannot describe {topic}: {error}") from error
        raise BrokerAwayError(f"cannot describe {topic}: {error}") from error


def _create(admin: AdminClient, name: str, partitions: int) -> None:
    topic = NewTopic(name, partitions, _BROKER_DEFAULT, config={"cleanup.policy": "compact"})
    created: Future[None] = admin.create_topics([topic], operation_timeout=_RPC_SECONDS)[name]
    try:
        created.result()
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return  # another worker is starting, too
        if reason.retriable():
            raise BrokerAwayError(f"cannot create {name}: {error}") from error
        raise ChangelogError(
            f"cannot create {name}: {error}; create it with {partitions} partitions, compacted"
        ) from error


def restore(
    bootstrap_servers: str,
    topic: str,
    tables: Mapping[int, SessionTable],
    is_wanted: Callable[[], bool],
) -> bool:
    """Read the changelog's partitions into their tables, to the end; blocking, for as long as that takes.

    Args:
        bootstrap_servers: Of the brokers; while they are away it waits.
        topic: The changelog.
        tables: Empty ones, by partition.
        is_wanted: Asked again and again; it ends early once not.

    Returns:
        Whether it was read to the end.

    Raises:
        ChangelogError: The changelog is not there, or not for us, or a record of it is no state.
    """
    consumer = _consumer(bootstrap_servers)
    unread = set(tables)
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in tables])
        while unread and is_wanted():
            for message in consumer.consume(num_messages=5_000, timeout=_READ_SECONDS):
                error = message.error()
                if error is None:
                    _take(message, tables)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name for it
                    unread.discard(message.partition() or 0)
                else:
                    _raise_if_final(error, topic, unread)
    finally:
        consumer.close()
    return not unread


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
