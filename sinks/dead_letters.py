"""Rows that ClickHouse refuses go back to Kafka, to the dead letters."""

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from threading import Event
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.topics import MAX_DEAD_LETTER_BYTES, USAGE_EVENTS_DLQ
from sinks.bisection import Refusal
from sinks.counters import Counters
from sinks.errors import ClickHouseAwayError, KafkaAwayError

_FLUSH_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class DeadLetters(Protocol):
    """Where refused rows go."""

    def send(self, refusals: Sequence[Refusal], stop: Event) -> None:
        """Return once all are safe; raises ClickHouseAwayError if `stop` is set before."""


class KafkaDeadLetters:
    """Publishes refused rows to `usage-events-dlq`, with their source in the headers."""

    def __init__(self, bootstrap_servers: str, counters: Counters) -> None:
        self._counters = counters
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "message.max.bytes": MAX_DEAD_LETTER_BYTES,
                "linger.ms": 5,
            },
            logger=log,
        )

    def send(self, refusals: Sequence[Refusal], stop: Event) -> None:
        """Publish, and wait for the broker's acknowledgement of all.

        A refused dead letter is only said and counted: published again, it would be refused again.
        """
        letters = list(one_per_record(refusals))
        for refusal in letters:
            _say(refusal)
        waiting = [letter for letter in letters if letter.record.topic != USAGE_EVENTS_DLQ]
        self._counters.unstorable_dead_letters += len(letters) - len(waiting)
        self._counters.dead_letters += len(waiting)
        while waiting:
            waiting = self._refused_again(waiting, stop)
            if waiting and stop.wait(_PAUSE_SECONDS):
                raise ClickHouseAwayError(f"{len(waiting)} dead letters are not acknowledged by Kafka")

    def _refused_again(self, refusals: Sequence[Refusal], stop: Event) -> list[Refusal]:
        failed: list[Refusal] = []
        for refusal in refusals:
            self._publish(refusal, failed)
        while self._producer.flush(_FLUSH_SECONDS):
            log.warning("waiting for Kafka to acknowledge dead letters")
            if stop.is_set():
                raise ClickHouseAwayError("dead letters are not acknowledged by Kafka")
        return failed

    def _publish(self, refusal: Refusal, failed: list[Refusal]) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(_after(error, refusal))

        record = refusal.record
        headers: list[tuple[str, str | bytes | None]] = [*record.headers, *dead_letter_headers(refusal)]
        try:
            self._producer.produce(
                USAGE_EVENTS_DLQ, key=record.key, value=record.value, headers=headers, on_delivery=delivered
            )
        except KafkaException as error:
            failed.append(_after(error.args[0], refusal))
        except BufferError:
            failed.append(refusal)
        self._producer.poll(0)


def one_per_record(refusals: Iterable[Refusal]) -> Iterable[Refusal]:
    """Join the refused lines of one record: a dead letter's identity is its source record."""
    ordered = sorted(refusals, key=_place)
    for _, same in groupby(ordered, key=_place):
        first, *others = same
        if not others:
            yield first
            continue
        value = b"\n".join(part.record.value or b"" for part in (first, *others))
        yield Refusal(first.record._replace(value=value), first.detail)


def smaller(refusal: Refusal) -> Refusal | None:
    """The same with a part left out, which its detail says; None where nothing is left to leave out."""
    record = refusal.record
    if record.value:
        return Refusal(record._replace(value=None), _without(refusal, f"value of {len(record.value)} bytes"))
    if record.headers:
        return Refusal(record._replace(headers=()), _without(refusal, f"{len(record.headers)} own headers"))
    if record.key:
        return Refusal(record._replace(key=b""), _without(refusal, f"key of {len(record.key)} bytes"))
    return None


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


def _after(error: KafkaError, refusal: Refusal) -> Refusal:
    """What to send next: less where it was too much, or else the same."""
    if error.fatal():
        raise KafkaAwayError(f"dead letters cannot be sent by this process any more: {error}")
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and (less := smaller(refusal)) is not None:
        return less
    log.warning("dead letter not delivered, sending again: error=%s", error)
    return refusal


def _without(refusal: Refusal, part: str) -> str:
    # In front, for a long detail is cut at its end.
    return f"(its {part} left out, too long for a dead letter) {refusal.detail}"


def _say(refusal: Refusal) -> None:
    record = refusal.record
    log.error(
        "row refused, %s: topic=%s partition=%d offset=%d detail=%s",
        "only Kafka has it" if record.topic == USAGE_EVENTS_DLQ else "sent to the dead letters",
        record.topic,
        record.partition,
        record.offset,
        refusal.detail,
    )


def _place(refusal: Refusal) -> tuple[str, int, int]:
    return refusal.record.topic, refusal.record.partition, refusal.record.offset
