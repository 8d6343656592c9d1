"""What pairing sends: state changes of sessions, their rows, and dead letters."""

from collections.abc import Iterable, Iterator
from typing import Final

from schemas import (
    TABLE_HEADER,
    USAGE_EVENTS_DLQ,
    USAGE_ROLLUPS,
    USAGE_SESSIONS,
    DeadLetter,
    DeadLetterReason,
    Session,
    SessionState,
)
from stream.core.log import LogRecord
from stream.core.rejections import RejectedError
from stream.core.session_rows import SessionKey, rows_of
from stream.core.session_state import Entry, SessionsState
from stream.emitting import Outbox
from stream.sessions.boundaries import Position

_MESSAGE_BYTES: Final = 262_144
_ROLLUPS: Final = [(TABLE_HEADER, b"usage_rollups")]


def publish_changed(outbox: Outbox, key: SessionKey, state: SessionsState) -> None:
    """Send what the last change made of a key's sessions, and its rows: the same ones every time."""
    record_key = key.text.encode()
    for entry in state.changed():
        outbox.produce(USAGE_SESSIONS, session_of(key, entry).to_json(), record_key)
    for lines in _messages(rows_of(state, key)):
        outbox.produce(USAGE_ROLLUPS, lines, record_key, _ROLLUPS)


def session_of(key: SessionKey, entry: Entry) -> Session:
    """Return a session as it stands, for `usage-sessions`."""
    duration = None
    if entry.start is not None and entry.end is not None:
        duration = entry.end - entry.start
    return Session(
        tenant_id=key.tenant_id,
        environment_id=key.environment_id,
        customer_id=key.customer_id,
        meter_id=key.meter_id,
        device_id=key.device_id,
        session_id=key.session_id,
        sequence=entry.sequence,
        state=_state_of(entry),
        started_at=entry.start,
        ended_at=entry.end,
        duration_ms=duration,
        version=entry.version,
        metadata=entry.metadata,
        updated_at=entry.updated_at,
    )


def _state_of(entry: Entry) -> SessionState:
    if entry.is_complete:
        return SessionState.COMPLETED
    return SessionState.WAITING if entry.start is None else SessionState.OPEN


def publish_dead_letter(
    outbox: Outbox, record: LogRecord, position: Position, refusal: RejectedError, meter_id: str = ""
) -> None:
    """Send a boundary that is refused, or that one meter refused, with the identity of its first record."""
    letter = DeadLetter(
        reason=DeadLetterReason(refusal.reason),
        detail=refusal.detail,
        meter=meter_id,
        topic=position.source.topic,
        topic_id=position.source.topic_id,
        partition=position.source.partition,
        offset=position.offset,
    )
    outbox.produce(USAGE_EVENTS_DLQ, record.value, record.key, [*record.headers, *letter.headers()])


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
