"""Sessions of one key: boundaries in any order become sessions, and the same ones whatever the order.

What is remembered is what the boundaries stated; the sessions are derived from all of it each time. So an end
may come before its start, and a repeat changes nothing.

With a session id a key has one session: from its earliest start to the end stated last. Without one, the
device is a switch: in the order of event time the first start since the last end switches it on, an end
switches it off, and a boundary with both is a session of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

import msgspec

from stream.core.lifetimes import DEFAULT_LIFETIMES, Lifetimes
from stream.core.rejections import Reason, RejectedError
from stream.core.session_life import remember
from stream.core.session_state import Entry, SessionsState, encode_state
from stream.core.switches import Span, Statement, switch_spans
from stream.core.timestamps import MAX_INTERVAL_MS

MAX_STATE_BYTES: Final = 512 * 1024
MAX_METADATA_BYTES: Final = 16 * 1024
_SPARE_STARTS: Final = 16


@dataclass(frozen=True, slots=True)
class Arrival:
    """A boundary as it comes: where it stood first, what it states, and its record's timestamp in ms."""

    source: str
    offset: int
    statement: Statement
    timestamp: int


class Applied(NamedTuple):
    """The state after a boundary, and why the boundary is a dead letter, where it is one."""

    state: SessionsState
    refusal: RejectedError | None = None


def is_repeat(state: SessionsState, arrival: Arrival) -> bool:
    """Return whether a boundary was applied already."""
    return arrival.offset <= state.applied.get(arrival.source, -1)


def apply(
    state: SessionsState,
    arrival: Arrival,
    *,
    identified: bool,
    lifetimes: Lifetimes = DEFAULT_LIFETIMES,
) -> Applied:
    """Apply a boundary.

    A refused one leaves the sessions as they are, but for one case: a switch's end before the start known is
    remembered, for its own start may be on its way.

    Args:
        state: What is known of the key.
        arrival: A boundary of that key.
        identified: Whether the key names a session, not a switch.
        lifetimes: What is older than these is not known any more.
    """
    if is_repeat(state, arrival):
        return Applied(state)
    state = remember(state, arrival.timestamp, lifetimes, identified=identified)
    state = msgspec.structs.replace(
        state,
        applied={**state.applied, arrival.source: arrival.offset},
        touched_at=max(state.touched_at, arrival.timestamp),
    )
    if arrival.statement in state.statements:
        return Applied(state)
    try:
        _check_alone(state, arrival.statement)
        if identified:
            return Applied(_apply_to_session(state, arrival))
    except RejectedError as refusal:
        return Applied(state, refusal)
    return _apply_to_switch(state, arrival, lifetimes)


def _check_alone(state: SessionsState, statement: Statement) -> None:
    if statement.start is not None and statement.end is not None:
        _check_interval(statement.start, statement.end)
    if statement.latest <= state.horizon:
        raise RejectedError(
            Reason.BOUNDARY_INVALID,
            f"it is older than what is remembered of this device: up to {state.horizon} ms it is closed",
        )


def _check_interval(start: int, end: int) -> None:
    if end < start:
        raise RejectedError(
            Reason.END_BEFORE_START, f"the session would end at {end} ms, before its start at {start} ms"
        )
    if end - start > MAX_INTERVAL_MS:
        raise RejectedError(
            Reason.INTERVAL_OUT_OF_BOUNDS, f"the session from {start} to {end} ms is longer than 31 days"
        )


def _apply_to_session(state: SessionsState, arrival: Arrival) -> SessionsState:
    stated = (*state.statements, arrival.statement)
    starts = [one for one in stated if one.start is not None]
    ends = [one for one in stated if one.end is not None]
    first = min(starts, key=lambda one: one.start or 0, default=None)
    last = ends[-1] if ends else None
    span = Span.of(first, last)
    if span.start is not None and span.end is not None:
        _check_interval(span.start, span.end)
    kept = tuple(dict.fromkeys(one for one in (first, last) if one is not None))
    return _with_spans(state, arrival, kept, [span])


def _apply_to_switch(state: SessionsState, arrival: Arrival, lifetimes: Lifetimes) -> Applied:
    new = arrival.statement
    restated = (one for one in state.statements if not one.is_restated_by(new))
    statements = (*restated, new)
    spans = switch_spans(statements, lifetimes.limit)
    changed = _with_spans(state, arrival, _without_spare_starts(statements, spans), spans)
    return Applied(_forget(changed, lifetimes), _refused_end(new, spans))


def _refused_end(new: Statement, spans: Iterable[Span]) -> RejectedError | None:
    """Report an end that ends nothing while the switch is on since a later moment, or since too long."""
    if not any(span.start is None and span.end == new.end for span in spans):
        return None
    for span in spans:
        if span.end is None and span.start is not None and new.end is not None:
            try:
                _check_interval(span.start, new.end)
            except RejectedError as refusal:
                return refusal
    return None


def _without_spare_starts(statements: Iterable[Statement], spans: Iterable[Span]) -> tuple[Statement, ...]:
    """Leave out starts of a switch that was on already, but for the latest few: a late end may need those."""
    used = {span.start for span in spans}
    spare = sorted(
        one.start for one in statements if one.end is None and one.start is not None and one.start not in used
    )
    dropped = set(spare[:-_SPARE_STARTS])
    return tuple(one for one in statements if one.end is not None or one.start not in dropped)


def _with_spans(
    state: SessionsState, arrival: Arrival, statements: tuple[Statement, ...], spans: Sequence[Span]
) -> SessionsState:
    version = max(state.version + 2, arrival.timestamp)  # an expiry adds one
    last_sequence = state.last_sequence
    found, entries = _with_entries(spans, state.entries)
    for span, entry in found:
        if entry is None:
            last_sequence += 1
            entry = Entry(last_sequence, None, None, {}, 0, 0)  # noqa: PLW2901 - the span's from here on
        entries.append(_changed(entry, span, version, arrival.timestamp))
    entries.sort(key=lambda entry: (entry.moment, entry.end or 0, entry.sequence))
    return msgspec.structs.replace(
        state,
        version=version if tuple(entries) != state.entries else state.version,
        statements=statements,
        entries=tuple(entries),
        last_sequence=last_sequence,
    )


def _with_entries(
    spans: Sequence[Span], entries: Iterable[Entry]
) -> tuple[list[tuple[Span, Entry | None]], list[Entry]]:
    """Find each span's entry: the one of its start, else of its end, else one whose start moved; or none yet.

    Returns also entries that no span is left for: ends that waited, until a session was stated to end there.
    """
    by_start = {entry.start: entry for entry in entries if entry.start is not None}
    found = {span: by_start[span.start] for span in spans if span.start in by_start}
    left = {entry.sequence: entry for entry in entries} | {entry.sequence: None for entry in found.values()}
    by_end = {entry.end: entry for entry in left.values() if entry is not None and entry.end is not None}
    for span in spans:
        if span not in found and span.end in by_end:
            found[span] = by_end.pop(span.end)
            left[found[span].sequence] = None
    moved = [entry for entry in left.values() if entry is not None]
    new = [span for span in spans if span not in found]
    unmatched = zip_longest(new, moved[: len(new)])
    return [*found.items(), *unmatched], moved[len(new) :]


def _changed(entry: Entry, span: Span, version: int, timestamp: int) -> Entry:
    metadata = span.metadata
    if (entry.start, entry.end, entry.metadata) == (span.start, span.end, metadata):
        return entry
    matched = entry.matched and (entry.start, entry.metadata) == (span.start, metadata)
    moved = Entry(
        entry.sequence, span.start, span.end, metadata, version, timestamp, matched, counts=entry.counts
    )
    # Moved to an earlier moment it is as long past its limit as it was.
    expired = entry.expired and not moved.is_complete and moved.moment <= entry.moment
    return msgspec.structs.replace(moved, expired=expired)


def _forget(state: SessionsState, lifetimes: Lifetimes) -> SessionsState:
    """Forget a switch's sessions that are long past, and the oldest where the state grows too large.

    Beside its later ones a session is kept in event time for as long as in log time without them.
    """
    newest = max(statement.latest for statement in state.statements)
    while len(state.entries) > 1 and (
        _is_past(state.entries[0], newest, lifetimes) or len(encode_state(state)) > MAX_STATE_BYTES
    ):
        state = _without_oldest(state)
    return state


def _is_past(entry: Entry, newest: int, lifetimes: Lifetimes) -> bool:
    if entry.end is not None:
        return entry.end < newest - lifetimes.kept
    return entry.moment < newest - MAX_INTERVAL_MS - lifetimes.kept


def _without_oldest(state: SessionsState) -> SessionsState:
    oldest = state.entries[0]
    last = oldest.end if oldest.end is not None else oldest.moment
    others: Mapping[int | None, Entry] = {entry.start: entry for entry in state.entries[1:]}
    ends = {entry.end for entry in state.entries[1:]}
    statements = tuple(
        one
        for one in state.statements
        if one.latest > last or (one.start in others if one.start is not None else one.end in ends)
    )
    return msgspec.structs.replace(
        state, statements=statements, entries=state.entries[1:], horizon=max(state.horizon, last)
    )
