"""The rows of completed sessions: their milliseconds window by window, absolute, under the session's name."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from stream.core.definitions import Aggregation, DefinitionSet, InForce
from stream.core.matching import Lane
from stream.core.rejections import Reason, RejectedError
from stream.core.session_state import Count, Entry, SessionsState
from stream.core.windows import MAX_WINDOWS, split_interval, too_many_windows, window_start
from stream.core.wire import Interval

_encode: Final = msgspec.json.Encoder().encode


class SessionKey(NamedTuple):
    """The parts of a session's key, and the key as text."""

    tenant_id: str
    environment_id: str
    customer_id: str
    meter_id: str
    device_id: str
    session_id: str
    text: str

    def origin(self, entry: Entry) -> str:
        """Return what names one session among its rows: its key, from a switch's second on with a number."""
        return self.text if entry.sequence == 1 else f"{self.text}#{entry.sequence}"


class MeterRefusal(NamedTuple):
    """A meter that cannot use a session it matches."""

    meter_id: str
    refusal: RejectedError


def needs_definitions(state: SessionsState) -> bool:
    """Return whether the last change completed a session, or corrected what its meters are matched by."""
    return any(entry.is_complete and not entry.matched for entry in state.changed())


def count_changed(
    state: SessionsState, key: SessionKey, definitions: DefinitionSet | None
) -> tuple[SessionsState, list[MeterRefusal]]:
    """Have meters count the sessions that the last change made what they are.

    Args:
        state: After the change.
        key: Whose sessions they are.
        definitions: What is known now; None where `needs_definitions` says none are needed.
    """
    refusals: list[MeterRefusal] = []
    entries = [
        _counted(entry, key, definitions, refusals) if entry.version == state.version else entry
        for entry in state.entries
    ]
    return msgspec.structs.replace(state, entries=tuple(entries)), refusals


def _counted(
    entry: Entry, key: SessionKey, definitions: DefinitionSet | None, refusals: list[MeterRefusal]
) -> Entry:
    if entry.start is None or entry.end is None:
        taken_back = tuple(_recounted(count, None) for count in entry.counts)
        return msgspec.structs.replace(entry, matched=False, counts=taken_back)
    span = (entry.start, entry.end)
    refused: list[MeterRefusal] = []
    if entry.matched or definitions is None:
        counts = [_moved(count, span, refused) for count in entry.counts]
    else:
        counts = _matched_counts(entry, key, definitions, refused)
    refusals += refused
    # A meter for which it was too long may count it once its end is corrected: then it is matched again.
    is_final = all(one.refusal.reason is not Reason.INTERVAL_OUT_OF_BOUNDS for one in refused)
    return msgspec.structs.replace(entry, matched=is_final, counts=tuple(counts))


def _moved(count: Count, span: tuple[int, int], refusals: list[MeterRefusal]) -> Count:
    """Have a meter that counts the session count it as it was corrected, without matching it again."""
    if count.span is None:
        return count
    try:
        _check_windows(span, count.window_ms)
    except RejectedError as refusal:
        refusals.append(MeterRefusal(count.meter_id, refusal))
        return _recounted(count, None)
    return _recounted(count, span)


def _check_windows(span: tuple[int, int], window_ms: int) -> None:
    if too_many_windows(*span, window_ms):
        raise RejectedError(
            Reason.INTERVAL_OUT_OF_BOUNDS,
            f"the session from {span[0]} to {span[1]} ms touches more than {MAX_WINDOWS} windows of "
            f"{window_ms} ms: give the meter a larger window",
        )


def _matched_counts(
    entry: Entry, key: SessionKey, definitions: DefinitionSet, refusals: list[MeterRefusal]
) -> list[Count]:
    before = {_identity(count): count for count in entry.counts}
    counts = []
    for in_force in definitions.for_event(key.tenant_id, key.environment_id, key.meter_id):
        if in_force.definition.aggregation is not Aggregation.DURATION:
            continue
        try:
            count = _match(entry, key, in_force)
        except RejectedError as refusal:
            refusals.append(MeterRefusal(in_force.definition.meter_id, refusal))
            continue
        if count is not None:
            old = before.pop(_identity(count), None)
            counts.append(count if old is None else _recounted(old, count.span))
    return [*counts, *(_recounted(old, None) for old in before.values())]


def _match(entry: Entry, key: SessionKey, in_force: InForce) -> Count | None:
    """Match a session as an event with its metadata as properties, at the moment of its start."""
    definition = in_force.definition
    lane = Lane(key.tenant_id, key.environment_id, in_force)
    start, end = entry.start or 0, entry.end or 0
    if not lane.offer(key.customer_id, start, dict(entry.metadata), Interval(start, start), 0):
        return None
    _check_windows((start, end), definition.window_ms)
    group = lane.changed[0].group
    return Count(
        definition.meter_id,
        definition.meter_version,
        definition.window_ms,
        definition.unit,
        dict(zip(definition.group_by, group, strict=True)),
        (start, end),
    )


def _identity(count: Count) -> tuple[str, int, tuple[tuple[str, str], ...]]:
    return count.meter_id, count.meter_version, tuple(count.group.items())


def _recounted(count: Count, span: tuple[int, int] | None) -> Count:
    if count.span == span:
        return count
    past = count.past if count.span is None else _united((*count.past, count.span))
    if span is not None:
        past = tuple(one for one in past if not (span[0] <= one[0] and one[1] <= span[1]))
    return msgspec.structs.replace(count, span=span, past=past)


def _united(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merge spans that overlap: they touch the same windows, however often a session is corrected."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        last = max(end, start + 1)  # an empty span touches the window of its start
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], last))
        else:
            united.append((start, last))
    return tuple(united)


def rows_of(entries: Iterable[Entry], key: SessionKey) -> Iterator[bytes]:
    """Yield the rows of `usage_rollups` of a key's sessions.

    Each row is a line of JSON. The rows of a session add up to exactly its end - start milliseconds; windows
    that a correction left have rows without events.
    """
    for entry in entries:
        for count in entry.counts:
            constant = _session_fields(key, entry, count)
            for window, events, milliseconds in _windows(count):
                yield _encode(constant | _window_fields(count, window, events, milliseconds))


def _windows(count: Count) -> Iterator[tuple[int, int, int | None]]:
    """Yield (window start, events, milliseconds) for every window counted now or before."""
    if count.span is not None:
        events = 1  # counted in the window of the start alone
        for window, milliseconds in split_interval(*count.span, count.window_ms):
            yield window, events, milliseconds
            events = 0
    left = {window for span in count.past for window, _ in split_interval(*span, count.window_ms)}
    for window in sorted(left):
        if not _is_within(window, count):
            yield window, 0, None


def _is_within(window: int, count: Count) -> bool:
    if count.span is None:
        return False
    start, end = count.span
    first = window_start(start, count.window_ms)
    return window == first or first < window < end


def _session_fields(key: SessionKey, entry: Entry, count: Count) -> dict[str, Any]:
    return {
        "tenant_id": key.tenant_id,
        "environment_id": key.environment_id,
        "meter_id": count.meter_id,
        "meter_version": count.meter_version,
        "customer_id": key.customer_id,
        "group": count.group,
        "aggregation": Aggregation.DURATION,
        "unit": count.unit,
        "source_topic_id": "",
        "source_partition": -1,
        "chunk_start": -1,
        "source_session": key.origin(entry),
        "row_version": entry.version,
    }


def _window_fields(count: Count, window: int, events: int, milliseconds: int | None) -> dict[str, Any]:
    return {
        "window_start": window // 1000,
        "window_end": (window + count.window_ms) // 1000,
        "event_count": events,
        "sum": None if milliseconds is None else str(milliseconds),
        "min": None,
        "max": None,
        "latest": None,
        "latest_timestamp": None,
        "latest_offset": None,
    }
