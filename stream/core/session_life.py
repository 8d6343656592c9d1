"""How long sessions live: when an open one expires, and when a session is forgotten.

Two clocks, for two reasons. A session expires by the wall clock against its own event time: silence must
expire it, too. It is forgotten by log time, the append times of boundaries: so whoever reads the log again
forgets the same sessions at the same records.
"""

import msgspec

from stream.core.lifetimes import Lifetimes
from stream.core.session_state import Entry, SessionsState
from stream.core.timestamps import MAX_INTERVAL_MS


def expires_at(state: SessionsState, lifetimes: Lifetimes) -> int | None:
    """Return the moment of wall clock at which a session of this key expires next, None where none does."""
    moments = [entry.moment + lifetimes.limit for entry in state.entries if _may_expire(entry)]
    return min(moments, default=None)


def expire(state: SessionsState, now: int, lifetimes: Lifetimes) -> SessionsState:
    """Mark what is open beyond its limit; the same state where nothing is.

    The version grows by one only, and by two with a boundary: whatever a boundary makes of the session is
    newer than its expiry, even where the worker that marked it had lost the partition, or its memory of it.
    """
    version = state.version + 1
    entries = tuple(
        msgspec.structs.replace(entry, expired=True, version=version, updated_at=now)
        if _may_expire(entry) and entry.moment + lifetimes.limit <= now
        else entry
        for entry in state.entries
    )
    if entries == state.entries:
        return state
    return msgspec.structs.replace(state, entries=entries, version=version)


def _may_expire(entry: Entry) -> bool:
    return not entry.is_complete and not entry.expired


def forgotten_at(state: SessionsState, lifetimes: Lifetimes) -> int | None:
    """Return the log time from which nothing is known of this key's sessions, None where nothing is now."""
    if not (state.entries or state.statements) and state.last_sequence:
        return None
    longest = 0 if all(entry.is_complete for entry in state.entries) else MAX_INTERVAL_MS
    return state.touched_at + longest + lifetimes.kept


def remember(state: SessionsState, log_time: int, lifetimes: Lifetimes, *, identified: bool) -> SessionsState:
    """Return what is still known of a key at a moment of log time.

    Of a session with an id nothing remains. Of a switch remains how many sessions it had, and up to when it
    is closed: its sessions are told apart by their number, which none may take again.
    """
    moment = forgotten_at(state, lifetimes)
    if moment is None or log_time < moment:
        return state
    if identified or not state.last_sequence:
        return SessionsState()
    latest = max((statement.latest for statement in state.statements), default=state.horizon)
    return msgspec.structs.replace(state, statements=(), entries=(), horizon=max(state.horizon, latest))
