"""What both apps send, and the records it becomes: rows of rollups, and dead letters."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from schemas import (
    MAX_EVENT_BYTES,
    TABLE_HEADER,
    USAGE_EVENTS_DLQ,
    USAGE_ROLLUPS,
    DeadLetter,
    DeadLetterReason,
)
from stream.core.accounting import Refusal
from stream.core.log import LogRecord, Source
from stream.core.rejections import RejectedError

ANY_PARTITION: Final = -1
"""The one that the key says."""

_LEFT_OUT: Final = " left out, too long for a dead letter"
_MESSAGE_BYTES: Final = 262_144
_ROLLUPS: Final = [(TABLE_HEADER, b"usage_rollups")]
_DISTINCT_VALUES: Final = [(TABLE_HEADER, b"usage_distinct_values")]


class Outbox(Protocol):
    """Where records go: handed over at once, acknowledged when drained."""

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        partition: int = ANY_PARTITION,
    ) -> None: ...
    @property
    def is_crowded(self) -> bool: ...
    async def has_room(self) -> None: ...
    def poll(self) -> None: ...
    async def drain(self) -> None: ...


def publish_rollups(outbox: Outbox, rows: Iterable[bytes], key: bytes) -> None:
    """Send rows of `usage_rollups`, many to a record."""
    for lines in _messages(rows):
        outbox.produce(USAGE_ROLLUPS, lines, key, _ROLLUPS)


def publish_distinct_values(outbox: Outbox, rows: Iterable[bytes], key: bytes) -> None:
    """Send rows of `usage_distinct_values`, many to a record."""
    for lines in _messages(rows):
        outbox.produce(USAGE_ROLLUPS, lines, key, _DISTINCT_VALUES)


def _messages(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Join rows to values of many lines each."""
    lines: list[bytes] = []
    size = 0
    for row in rows:
        if lines and size + len(row) > _MESSAGE_BYTES:
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(row)
        size += len(row) + 1
    if lines:
        yield b"\n".join(lines)


def publish_dead_letter(
    outbox: Outbox,
    record: LogRecord,
    source: Source,
    offset: int,
    refusal: RejectedError | Refusal,
    meter_id: str = "",
) -> None:
    """Send a record that is refused, its value untouched; source and offset are where it first stood."""
    kept = _fitting(record)
    letter = DeadLetter(
        reason=DeadLetterReason(refusal.reason),
        detail=refusal.detail + kept.remark,
        meter=meter_id,
        topic=source.topic,
        topic_id=source.topic_id,
        partition=source.partition,
        offset=offset,
    )
    outbox.produce(USAGE_EVENTS_DLQ, kept.value, kept.key, [*kept.headers, *letter.headers()])


class _Kept(NamedTuple):
    """What of a record goes into a dead letter, and a remark where that is not all."""

    value: bytes | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    remark: str = ""

    @property
    def size(self) -> int:
        headers = sum(len(name.encode()) + len(value or b"") for name, value in self.headers)
        return len(self.value or b"") + len(self.key or b"") + headers


def _fitting(record: LogRecord) -> _Kept:
    """Leave out what is too long for a dead letter: the value first, then the headers, then the key.

    The broker measures compressed batches, so a record may be larger than any record of its own may be.
    """
    kept = _Kept(record.value, record.key, record.headers)
    if kept.size > MAX_EVENT_BYTES:
        kept = kept._replace(value=None, remark=f"; its value of {len(record.value or b'')} bytes{_LEFT_OUT}")
    if kept.size > MAX_EVENT_BYTES:
        kept = kept._replace(headers=(), remark=f"{kept.remark}; its headers{_LEFT_OUT}")
    if kept.size > MAX_EVENT_BYTES:
        kept = kept._replace(key=None, remark=f"{kept.remark}; its key{_LEFT_OUT}")
    return kept
