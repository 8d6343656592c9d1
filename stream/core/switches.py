"""A device without session ids is a switch: what its boundaries state, laid out in event time."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import msgspec

from stream.core.timestamps import MAX_INTERVAL_MS


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """What one boundary states: a start, an end or both, in epoch milliseconds."""

    start: int | None
    end: int | None
    metadata: dict[str, str]

    def __hash__(self) -> int:
        return hash((self.start, self.end))

    @property
    def latest(self) -> int:
        """The last moment it names."""
        return max(moment for moment in (self.start, self.end) if moment is not None)

    def is_restated_by(self, other: Self) -> bool:
        """Return whether another, coming later, takes its place: a start alone takes none that has an end."""
        if self.start is None:
            return other.start is None and self.end == other.end
        return self.start == other.start and (other.end is not None or self.end is None)


class Span(NamedTuple):
    """A session as far as it is stated."""

    start: int | None
    end: int | None
    statements: tuple[Statement, ...]

    @classmethod
    def of(cls, first: Statement | None, last: Statement | None) -> Self:
        """Make the session of the statement of its start and that of its end, one of which may be missing."""
        statements = tuple(one for one in (last, first) if one is not None)
        return cls(first.start if first else None, last.end if last else None, statements)

    @property
    def metadata(self) -> dict[str, str]:
        """What both ends say; where they differ, what the start says."""
        return {key: value for one in self.statements for key, value in one.metadata.items()}


def switch_spans(statements: Iterable[Statement], limit: int = MAX_INTERVAL_MS) -> list[Span]:
    """Return a switch's sessions, a function of the statements alone and not of their order.

    A boundary with both start and end is a session whatever the switch does. Of the others, in the order of
    event time: the first start since the last end switches on, an end switches off. A start more than `limit`
    milliseconds after the one that switched on begins a session anew, for that one's end was lost: it stays
    open, and expires. An end closes no session longer than 31 days: the start is left open, and a later one,
    if there is one, is closed instead. Where an end and a start are at one moment, the end is of the session
    before, if there is one.
    """
    wholes = {one.start: one for one in statements if one.start is not None and one.end is not None}
    starts = {one.start: one for one in statements if one.end is None and one.start not in wholes}
    ends = {one.end: one for one in statements if one.start is None}
    spans = _switched(starts, ends, limit)
    stated = {one.end for one in wholes.values()}
    return [
        *(Span.of(one, one) for one in wholes.values()),
        *(span for span in spans if span.start is not None or span.end not in stated),
    ]


def _switched(
    starts: dict[int | None, Statement], ends: dict[int | None, Statement], limit: int
) -> list[Span]:
    spans: list[Span] = []
    pending: list[Statement] = []
    for moment in sorted(moment for moment in {*starts, *ends} if moment is not None):
        start, end = starts.get(moment), ends.get(moment)
        if end is not None and pending:
            spans += _closed(pending, end, limit)
            pending, end = [], None
        if start is not None:
            pending.append(start)
        if end is not None:
            spans += _closed(pending, end, limit)
            pending = []
    return [*spans, *(Span.of(start, None) for start in _switching_on(pending, limit))]


def _switching_on(pending: Iterable[Statement], limit: int) -> list[Statement]:
    """Return those of the starts since the last end that begin a session."""
    first: list[Statement] = []
    for start in pending:
        if not first or _apart(first[-1], start.start) > limit:
            first.append(start)
    return first


def _closed(pending: list[Statement], end: Statement, limit: int) -> list[Span]:
    near = [start for start in pending if _apart(start, end.end) <= MAX_INTERVAL_MS]
    first = _switching_on(pending, limit)
    closed = next((start for start in reversed(first) if start in near), near[0] if near else None)
    return [*(Span.of(start, None) for start in first if start is not closed), Span.of(closed, end)]


def _apart(start: Statement, moment: int | None) -> int:
    return (moment or 0) - (start.start or 0)
