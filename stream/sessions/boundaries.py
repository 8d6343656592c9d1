"""A record of `session-boundaries` becomes a boundary the core can apply, or a rejection with its reason."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from schemas import (
    SESSION_BOUNDARIES,
    SOURCE_HEADERS,
    USAGE_EVENTS,
    SessionBoundary,
    UndecodableError,
    decode_exactly,
    parse_key,
    readable_faults,
)
from stream.core.log import LogRecord, Source
from stream.core.rejections import Reason, RejectedError
from stream.core.session_rows import SessionKey
from stream.core.sessions import MAX_METADATA_BYTES, Arrival
from stream.core.switches import Statement
from stream.core.timestamps import EARLIEST, latest_accepted

_FORWARDED: Final = USAGE_EVENTS
_LONGEST_POSITION: Final = 19


@dataclass(frozen=True, slots=True)
class Position:
    """Where a boundary stood first: its identity, under which it is applied and refused only once."""

    source: Source
    offset: int

    @property
    def name(self) -> str:
        """Return the text under which a state remembers the source partition."""
        return f"{self.source.topic_id}/{self.source.partition}"


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary within every bound, and the session it belongs to."""

    key: SessionKey
    arrival: Arrival


def position_of(record: LogRecord, source: Source) -> Position:
    """Return where a boundary stood first: in `usage-events`, if it was forwarded from there."""
    headers = dict(record.headers)
    texts = [(headers.get(name) or b"").decode(errors="replace") for name in SOURCE_HEADERS]
    topic_id, partition, offset = texts
    if topic_id and _is_position(partition) and _is_position(offset):
        return Position(Source(_FORWARDED, topic_id, int(partition)), int(offset))
    return Position(Source(SESSION_BOUNDARIES, source.topic_id, source.partition), record.offset)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_POSITION


def decode_boundary(record: LogRecord, position: Position) -> Boundary:
    """Return what a record says, within the bounds every boundary must keep.

    Raises:
        RejectedError: With the reason for the dead letter.
    """
    boundary = _validated(record.value)
    if record.key != boundary.key:
        raise RejectedError(
            Reason.BOUNDARY_INVALID,
            f"the record's key must be the session's, {boundary.key.decode()[:256]}: another would put the "
            "boundaries of one session on different partitions",
        )
    _check_bounds(boundary, record)
    key = session_key_of(boundary.key)
    statement = Statement(boundary.start_time, boundary.end_time, boundary.metadata)
    return Boundary(key, Arrival(position.name, position.offset, statement, record.timestamp))


def session_key_of(key: bytes) -> SessionKey:
    """Return the parts of a session's key, as `schemas.session_key` made it."""
    tenant_id, environment_id, customer_id, meter_id, device_id, session_id = parse_key(key)
    return SessionKey(tenant_id, environment_id, customer_id, meter_id, device_id, session_id, key.decode())


def _validated(value: bytes | None) -> SessionBoundary:
    if value is None:
        raise RejectedError(Reason.BOUNDARY_INVALID, "the record has no value")
    try:
        return SessionBoundary.model_validate(decode_exactly(value))
    except UndecodableError as error:
        raise RejectedError(Reason.BOUNDARY_INVALID, f"the record {error}") from None
    except ValidationError as error:
        faults = "; ".join(readable_faults(error, SessionBoundary))
        raise RejectedError(Reason.BOUNDARY_INVALID, faults) from None


def _check_bounds(boundary: SessionBoundary, record: LogRecord) -> None:
    latest = latest_accepted(record)
    for name, moment in (("start_time", boundary.start_time), ("end_time", boundary.end_time)):
        if moment is not None and not EARLIEST <= moment <= latest:
            raise RejectedError(
                Reason.TIMESTAMP_OUT_OF_BOUNDS, f"{name} {moment} ms is before 2000 or after {latest} ms"
            )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in boundary.metadata.items())
    if size > MAX_METADATA_BYTES:
        raise RejectedError(
            Reason.BOUNDARY_INVALID, f"metadata is {size} bytes long: use at most {MAX_METADATA_BYTES}"
        )
