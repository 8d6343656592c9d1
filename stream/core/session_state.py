"""What is remembered of a session key: a value of the table, all that its rows depend on."""

from typing import Final

import msgspec

from stream.core.switches import Statement


class Count(msgspec.Struct, frozen=True, array_like=True):
    """One definition's count of one session: kept, so that a repeat gives the same rows.

    Attributes:
        span: Start and end counted, epoch milliseconds; None once a correction took the session from it.
        past: Spans counted before; their windows outside `span` have zero rows.
    """

    meter_id: str
    meter_version: int
    window_ms: int
    unit: str
    group: dict[str, str]
    span: tuple[int, int] | None
    past: tuple[tuple[int, int], ...] = ()


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One session.

    Attributes:
        sequence: Tells the successive sessions of a switch apart; 1 for a session with an id.
        version: Of the state that changed it last: the version of its rows.
        matched: Whether `counts` are by the definitions in force at its start, with its metadata.
        expired: Whether it was found open, or waiting for its start, beyond its limit.
    """

    sequence: int
    start: int | None
    end: int | None
    metadata: dict[str, str]
    version: int
    updated_at: int
    matched: bool = False
    counts: tuple[Count, ...] = ()
    expired: bool = False

    @property
    def moment(self) -> int:
        """Its start, or its end where that is all there is."""
        return self.start if self.start is not None else self.end or 0

    @property
    def is_complete(self) -> bool:
        """Whether both ends are known, so that it is billed."""
        return self.start is not None and self.end is not None


class SessionsState(msgspec.Struct, frozen=True, array_like=True):
    """All that is known of one session key; a value of the table.

    Attributes:
        version: Grows with every change. It follows the boundaries' timestamps, so that a table built anew
            from the log does not fall behind the rows already written.
        applied: By source partition, the offset of the last boundary applied.
        horizon: Event time up to which sessions of a switch have been forgotten.
        touched_at: Log time of the last boundary applied.
    """

    version: int = 0
    applied: dict[str, int] = {}
    statements: tuple[Statement, ...] = ()
    entries: tuple[Entry, ...] = ()
    last_sequence: int = 0
    horizon: int = -1
    touched_at: int = 0

    def changed(self) -> list[Entry]:
        """Return the sessions that the last change made what they are."""
        return [entry for entry in self.entries if entry.version == self.version]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SessionsState).decode


def encode_state(state: SessionsState) -> bytes:
    """Return the state as the table keeps it."""
    return _encode(state)


def decode_state(value: bytes | None) -> SessionsState:
    """Return the state the table has for a key, the empty one where it has none."""
    return SessionsState() if value is None else _decode(value)


def is_older(state: SessionsState, other: SessionsState) -> bool:
    """Return whether a state was superseded by another one of the same key.

    A worker that was stopped for a while may write the state it had to the changelog, after the partition's
    new owner wrote later ones.
    """
    return (state.version, sum(state.applied.values())) < (other.version, sum(other.applied.values()))
