"""Rows that ClickHouse refuses go back to Kafka, to the dead letters."""

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from threading import Event
from typing import Final, Protocol

from confluent_kafka import KafkaError, Message, Producer

from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.topics import MAX_DEAD_LETTER_BYTES, USAGE_EVENTS_DLQ
from sinks.bisection import Refusal
from sinks.errors import ClickHouseAwayError

_FLUSH_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class DeadLetters(Protocol):
    """Where refused rows go."""

    def send(self, refusals: Sequence[Refusal], stop: Event) -> None:
        """Return once all are safe; raises ClickHouseAwayError if `stop` is set before."""


class KafkaDeadLetters:
    """Publishes refused rows to `usage-events-dlq`, with their source in the headers."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "message.max.bytes": MAX_DEAD_LETTER_BYTES,
                "linger.ms": 5,
            }
        )

    def send(self, refusals: Sequence[Refusal], stop: Event) -> None:
        """Publish, and wait for the broker's acknowledgement of all."""
        waiting = list(one_per_record(refusals))
        while waiting and not stop.is_set():
            waiting = self._refused_again(waiting)
        if waiting:
            raise ClickHouseAwayError(f"{len(waiting)} dead letters are not acknowledged by Kafka")

    def _refused_again(self, refusals: Sequence[Refusal]) -> list[Refusal]:
        failed: list[Refusal] = []
        for refusal in refusals:
            self._publish(refusal, failed)
        while self._producer.flush(_FLUSH_SECONDS):
            log.warning("waiting for Kafka to acknowledge dead letters")
        return failed

    def _publish(self, refusal: Refusal, failed: list[Refusal]) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                log.warning("dead letter not delivered, sending again: error=%s", error)
                failed.append(refusal)

        record = refusal.record
        log.error(
            "row refused, sent to the dead letters: topic=%s partition=%d offset=%d detail=%s",
            record.topic,
            record.partition,
            record.offset,
            refusal.detail,
        )
        headers: list[tuple[str, str | bytes | None]] = [*record.headers, *dead_letter_headers(refusal)]
        self._producer.produce(
            USAGE_EVENTS_DLQ, key=record.key, value=record.value, headers=headers, on_delivery=delivered
        )


def one_per_record(refusals: Iterable[Refusal]) -> Iterable[Refusal]:
    """Join the refused lines of one record: a dead letter's identity is its source record."""
    ordered = sorted(refusals, key=_place)
    for _, same in groupby(ordered, key=_place):
        parts = list(same)
        value = b"\n".join(part.record.value or b"" for part in parts)
        yield Refusal(parts[0].record._replace(value=value), parts[0].detail)


def dead_letter_headers(refusal: Refusal) -> list[tuple[str, bytes]]:
    """Why and whence."""
    record = refusal.record
    letter = DeadLetter(
        reason=DeadLetterReason.INSERT_REFUSED,
        detail=refusal.detail,
        topic=record.topic,
        topic_id=record.topic_id,
        partition=record.partition,
        offset=record.offset,
    )
    return letter.headers()


def _place(refusal: Refusal) -> tuple[str, int, int]:
    return refusal.record.topic, refusal.record.partition, refusal.record.offset
