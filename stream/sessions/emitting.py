"""What pairing sends: state changes of sessions, and their rows."""

from schemas import USAGE_SESSIONS, Session, SessionState
from stream.core.session_rows import SessionKey, rows_of
from stream.core.session_state import Entry, SessionsState
from stream.outbox import Outbox, publish_rollups


def publish_changed(outbox: Outbox, key: SessionKey, state: SessionsState) -> None:
    """Send what the last change made of a key's sessions, and its rows: the same ones every time."""
    record_key = key.text.encode()
    for entry in state.changed():
        outbox.produce(USAGE_SESSIONS, session_of(key, entry).to_json(), record_key)
    publish_rollups(outbox, rows_of(state, key), record_key)


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
