"""The `meter-definitions` topic: every version of every meter, read whole and appended to."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from pydantic import ValidationError

from producers.destinations import brokers
from producers.errors import (
    BrokerUnavailableError,
    PublishError,
    TopicMissingError,
    UnreadableDefinitionError,
)
from producers.kafka_client import consumer_config, producer_config
from producers.settings import current_settings
from producers.versions import AppliedMeter, next_versions
from schemas import (
    CONTROL_DEFINITIONS,
    CONTROL_HEADER,
    METER_DEFINITIONS,
    USAGE_EVENTS,
    Meter,
    MeterDefinition,
    definition_key,
)

_POLL_SECONDS: Final = 0.2


def apply_meters(
    bootstrap_servers: str, meters: Sequence[Meter], *, effective_from: datetime | None = None
) -> list[AppliedMeter]:
    """Publish meters as their next versions; an event published after this returned is counted by them.

    An unchanged meter publishes nothing. The control records that make workers take the definitions up are
    written each time all the same, to every partition of `usage-events`: a call that died after publishing
    may not have written them, and an idle repeat costs one record a partition. Two calls at once may give
    one version number to two changes: apply from one place.

    Args:
        bootstrap_servers: host:port, several separated by commas.
        meters: each once; all are checked before any is published.
        effective_from: from when all of them count, an aware datetime; None: a meter's own, else the epoch
            for a first version and now for a later one.

    Raises:
        InvalidMeterError: naming every fault of every meter; nothing was published.
        TopicMissingError, BrokerUnavailableError: nothing was published.
        UnreadableDefinitionError: a newer release wrote to the topic; nothing was published.
        PublishError: not all was acknowledged; apply again.
    """
    if not meters:
        return []
    servers = brokers(bootstrap_servers).bootstrap_servers
    # Checked against nothing first: a faulty meter is an error even where no broker answers.
    next_versions(meters, (), now=datetime.now(UTC), effective_from=effective_from)
    with _reader(servers) as consumer:
        partitions = _partitions(consumer, servers)
        standing = _read(consumer, partitions)
    applied = next_versions(meters, standing, now=datetime.now(UTC), effective_from=effective_from)
    producer = Producer(producer_config(servers, current_settings(), {"linger.ms": 5}))
    _publish_versions(producer, applied)
    _publish_control_records(producer, _partition_count(partitions, USAGE_EVENTS))
    return applied


def read_definitions(bootstrap_servers: str) -> list[MeterDefinition]:
    """Read every version of every meter, by tenant, environment, id and version.

    Raises:
        TopicMissingError, BrokerUnavailableError, UnreadableDefinitionError: as `apply_meters`.
    """
    servers = brokers(bootstrap_servers).bootstrap_servers
    with _reader(servers) as consumer:
        standing = _read(consumer, _partitions(consumer, servers))
    return sorted(
        standing, key=lambda each: (each.tenant_id, each.environment_id, each.id, each.meter_version)
    )


def _publish_versions(producer: Producer, applied: Sequence[AppliedMeter]) -> None:
    refused = _Refusals()
    for each in applied:
        if each.outcome == "published":
            key, value = definition_key(each.definition), each.definition.to_json()
            producer.produce(METER_DEFINITIONS, value, key, on_delivery=refused.take)
    producer.flush()
    refused.raise_any(f"not every definition is on {METER_DEFINITIONS}: apply again")


def _publish_control_records(producer: Producer, partitions: int) -> None:
    refused = _Refusals()
    headers: list[tuple[str, str | bytes | None]] = [(CONTROL_HEADER, CONTROL_DEFINITIONS)]
    for partition in range(partitions):
        producer.produce(USAGE_EVENTS, None, partition=partition, headers=headers, on_delivery=refused.take)
    producer.flush()
    refused.raise_any(f"the definitions are published, but not announced on {USAGE_EVENTS}: apply again")


class _Refusals:
    """What the brokers did not acknowledge."""

    def __init__(self) -> None:
        self._errors: list[str] = []

    def take(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._errors.append(error.str())

    def raise_any(self, consequence: str) -> None:
        if self._errors:
            raise PublishError(f"{consequence} ({'; '.join(sorted(set(self._errors)))})")


@contextmanager
def _reader(servers: str) -> Iterator[Consumer]:
    consumer = Consumer(consumer_config(servers, current_settings(), f"meterstream-definitions-{uuid4()}"))
    try:
        yield consumer
    finally:
        consumer.close()


def _partitions(consumer: Consumer, servers: str) -> dict[str, int]:
    """The number of partitions of each topic there is."""
    try:
        # All topics: asking for one by name creates it where brokers create topics by themselves.
        metadata = consumer.list_topics(timeout=current_settings().publish_timeout)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        raise BrokerUnavailableError(f"no broker answers at {servers}: {reason.str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _partition_count(partitions: Mapping[str, int], topic: str) -> int:
    if not partitions.get(topic):
        raise TopicMissingError(f"the topic {topic} does not exist: run `meterstream topics apply`")
    return partitions[topic]


def _read(consumer: Consumer, partitions: Mapping[str, int]) -> list[MeterDefinition]:
    for topic in (METER_DEFINITIONS, USAGE_EVENTS):
        _partition_count(partitions, topic)
    consumer.assign([TopicPartition(METER_DEFINITIONS, 0, OFFSET_BEGINNING)])
    return list(_read_to_end(consumer, time.monotonic() + current_settings().delivery_timeout).values())


def _read_to_end(consumer: Consumer, deadline: float) -> dict[bytes, MeterDefinition]:
    standing: dict[bytes, MeterDefinition] = {}
    unreadable: dict[bytes, UnreadableDefinitionError] = {}
    while time.monotonic() < deadline:
        message = consumer.poll(_POLL_SECONDS)
        if message is None:
            continue
        error = message.error()
        if error is None:
            _take(standing, unreadable, message)
        elif error.name() == "_PARTITION_EOF":
            for fault in unreadable.values():
                raise fault
            return standing
        elif not error.retriable():
            raise BrokerUnavailableError(f"{METER_DEFINITIONS} cannot be read: {error.str()}")
    raise BrokerUnavailableError(f"{METER_DEFINITIONS} could not be read to its end in time")


def _take(
    standing: dict[bytes, MeterDefinition],
    unreadable: dict[bytes, UnreadableDefinitionError],
    message: Message,
) -> None:
    """Let the record replace what stood under its key."""
    key, value = message.key(), message.value()
    if not isinstance(key, bytes):
        return
    standing.pop(key, None)
    unreadable.pop(key, None)
    if value is None:
        return
    try:
        standing[key] = MeterDefinition.from_json(value)
    except ValidationError:
        unreadable[key] = UnreadableDefinitionError(
            f"offset {message.offset()} of {METER_DEFINITIONS} is no definition this release reads: "
            f"upgrade, or delete it by a record without value under the key {key!r}"
        )
