"""What pairing sends: state changes of sessions, and their rows."""

from collections.abc import Sequence

from schemas import USAGE_SESSIONS, Session, SessionState
from stream.core.session_rows import SessionKey, rows_of
from stream.core.session_state import Entry
from stream.outbox import Outbox, publish_rollups


def publish_sessions(outbox: Outbox, key: SessionKey, entries: Sequence[Entry]) -> None:
    """Send sessions of a key as they stand, and their rows: the same ones every time."""
    record_key = key.text.encode()
    for entry in entries:
        outbox.produce(USAGE_SESSIONS, session_of(key, entry).to_json(), record_key)
    publish_rollups(outbox, rows_of(entries, key), record_key)


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
    if entry.expired:
        return SessionState.EXPIRED
    return SessionState.WAITING if entry.start is None else SessionState.OPEN
