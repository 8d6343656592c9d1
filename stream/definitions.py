"""The `meter-definitions` topic as the stream reads it: every version, in order, up to any offset."""

import logging
import time
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import METER_DEFINITIONS, MeterDefinition, Status
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.errors import BrokerAwayError, DefinitionsError, TopicRecreatedError
from stream.topic_ids import topic_id_of

logger = logging.getLogger(__name__)

_PARTITION: Final = 0
_RPC_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 1.0
_READ_SECONDS: Final = 5.0
_FINAL: Final = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
)
"""Errors that waiting does not mend."""


class DefinitionLog:
    """Reads definitions as far as asked and answers what was known at an offset.

    Blocking, for seconds: to be called from a thread of its own where an event loop runs. Not safe for
    several threads at once.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "meterstream-definitions",  # librdkafka asks for one; nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "allow.auto.create.topics": False,
                "fetch.queue.backoff.ms": 5,
                "isolation.level": "read_committed",
                "log_level": 0,  # while the broker is away, whoever waits for it says so
            }
        )
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        self._topic_id = ""
        self._position = 0
        self._log: list[tuple[int, bytes | None, Definition | None]] = []

    def end(self) -> int:
        """Return the end offset of the topic at this moment.

        Raises:
            DefinitionsError: The topic is not there, or not for us.
            TopicRecreatedError: It was made anew since it was first asked for.
            BrokerAwayError: The broker does not answer.
        """
        self._raise_if_recreated()
        try:
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(METER_DEFINITIONS, _PARTITION), timeout=_RPC_SECONDS
            )
        except KafkaException as error:
            if error.args[0].code() not in _FINAL:
                raise BrokerAwayError(f"cannot read the end of {METER_DEFINITIONS}: {error}") from error
            raise DefinitionsError(
                f"cannot read the end of {METER_DEFINITIONS}: {error}; was `meterstream topics apply` run?"
            ) from error
        return int(end)

    def _raise_if_recreated(self) -> None:
        now = topic_id_of(self._admin, METER_DEFINITIONS)
        if self._topic_id and now != self._topic_id:
            raise TopicRecreatedError(
                f"{METER_DEFINITIONS} was deleted and made anew: its id was {self._topic_id} and is {now}. A "
                "worker started again counts by the new one"
            )
        self._topic_id = now

    def known_at(self, end: int) -> DefinitionSet:
        """Return the definitions that stand before an end offset, reading on to it first.

        Raises:
            DefinitionsError: The topic cannot be read so far.
            BrokerAwayError: Not now; what was read stays read, and the next call goes on from there.
        """
        self._read_to(end)
        standing = {key: definition for offset, key, definition in self._log if offset < end}
        return DefinitionSet(definition for definition in standing.values() if definition is not None)

    def _read_to(self, end: int) -> None:
        if self._position >= end:
            return
        self._consumer.assign([TopicPartition(METER_DEFINITIONS, _PARTITION, self._position)])
        deadline = time.monotonic() + _READ_SECONDS
        while self._position < end:
            if time.monotonic() > deadline:
                raise self._unreadable(end)
            # One at a time: to consume many waits for so many, and whoever begins a chunk waits with it.
            if (message := self._consumer.poll(_POLL_SECONDS)) is not None:
                self._take(message)
        # While a fetch waits for more, `end` would wait behind it: half a second each time.
        self._consumer.unassign()

    def _unreadable(self, end: int) -> DefinitionsError | BrokerAwayError:
        last = self.end()
        if last < end:
            return DefinitionsError(
                f"{METER_DEFINITIONS} ends at offset {last}, before {end}, which a chunk counts by: it was "
                "made anew or has lost records; restore it, or delete the consumer group's offsets"
            )
        return BrokerAwayError(f"{METER_DEFINITIONS} was read to offset {self._position} of {end} so far")

    def _take(self, message: Message) -> None:
        error = message.error()
        offset = message.offset()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name for it
                self._position = max(self._position, offset or 0)
            elif error.fatal() or error.code() in _FINAL:
                raise DefinitionsError(f"cannot read {METER_DEFINITIONS}: {error}")
            return
        assert offset is not None  # noqa: S101 - a message without an error has an offset
        self._position = offset + 1
        key = message.key()
        self._log.append((offset, key if isinstance(key, bytes) else None, _decode(offset, message.value())))

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def _decode(offset: int, value: bytes | str | None) -> Definition | None:
    """Return the definition of a record; None for one that deletes, and for what is none, which is logged."""
    if value is None:
        return None
    try:
        return as_definition(MeterDefinition.model_validate_json(value))
    except ValueError as invalid:
        text = "%s offset %d is no meter definition and counts nothing: %s"
        logger.error(text, METER_DEFINITIONS, offset, invalid)
        return None


def as_definition(meter: MeterDefinition) -> Definition:
    """Return a published version as the core counts by it."""
    return Definition(
        tenant_id=meter.tenant_id,
        environment_id=meter.environment_id,
        meter_id=meter.id,
        meter_version=meter.meter_version,
        event_name=meter.event_name,
        aggregation=Aggregation(meter.aggregation.type),
        field=meter.aggregation.field,
        filters=tuple((one.key, frozenset(one.values)) for one in meter.filters),
        group_by=tuple(meter.group_by),
        window_ms=meter.window_seconds * 1000,
        unit=meter.unit,
        effective_from=meter.effective_from_ms,
        published=meter.status is Status.PUBLISHED,
    )
