"""A record's bytes become an event, a session boundary, or a rejection with its reason.

Two wire forms are understood: Meterstream's own UsageEvent, and the record that meter-lib posts through a
Kafka REST proxy. The plain case is decoded and checked by one compiled decoder; whatever that refuses is
decoded again, slowly and exactly, by the rules written out in `stream.core.wire`.
"""

from typing import Final

import msgspec

from stream.core import wire
from stream.core.rejections import Reason, RejectedError
from stream.core.sessions import MAX_METADATA_BYTES
from stream.core.timestamps import EARLIEST, MAX_INTERVAL_MS, parse_timestamp
from stream.core.wire import DEFAULT_ENVIRONMENT, Boundary, Event

MAX_ID_BYTES: Final = 512
_EVENT_IDS: Final = ("event_id", "tenant_id", "event_name", "customer_id", "environment_id")
_BOUNDARY_IDS: Final = (
    "tenant_id",
    "environment_id",
    "customer_id",
    "meter_id",
    "device_id",
    "session_id",
    "event_id",
)
_WHITE_SPACE: Final = b" \t\r\n"

_COMMAS: Final = 4
"""Five between the six usual fields, and one fewer than there are properties."""

decode_plain: Final = msgspec.json.Decoder(Event).decode
"""Reads the plain case: types are as they must be, but nothing else is checked."""


class Decoder:
    """Decodes records of `usage-events`; `foreign_tenant` is the tenant of records that name none."""

    def __init__(self, foreign_tenant: str) -> None:
        self._foreign_tenant = foreign_tenant

    def decode(self, value: bytes | None, latest: int) -> Event | Boundary:
        """Return what a record says, within the bounds every event must keep.

        Args:
            value: The record's bytes.
            latest: The largest timestamp accepted, epoch milliseconds.

        Raises:
            RejectedError: With the reason for the dead letter.
        """
        if value is None:
            raise RejectedError(Reason.UNDECODABLE, "the record has no value")
        try:
            event = decode_plain(value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            decoded = wire.decode_exactly(value, self._foreign_tenant)
            if isinstance(decoded, Boundary):
                _check_boundary(decoded, latest)
                return decoded
            event = decoded
        else:
            if value.translate(None, _WHITE_SPACE).count(b'":') != _keys(event):
                # A colon follows every key, so equality proves that no key was repeated.
                wire.refuse_repeated_keys(value)
            if event.metadata is not None:
                wire.merge_metadata(event)
        if event.environment_id is None:
            event.environment_id = DEFAULT_ENVIRONMENT
        _check_bounds(event, latest)
        if len(value) > MAX_ID_BYTES:
            _check_lengths(
                event, "tenant_id", "environment_id", "event_name", "customer_id", "event_id", "device_id"
            )
        return event


def has_usual_fields_alone(value: bytes, properties: int) -> bool:
    """Return whether a record that has the six usual fields has no other, and no key twice.

    The six are the four that are required, event_id, and properties, of which there are so many. A comma
    stands between any two members of an object, so no more commas than these need leave room for nothing.
    """
    return value.count(b",") == properties + _COMMAS


def _keys(event: Event) -> int:
    """Return how many keys the event's own fields and properties make up."""
    keys = 4 + (event.event_id is not None) + (event.environment_id is not None)
    keys += (event.device_id is not None) + (event.source is not None)
    properties = event.properties
    if properties is not None:
        keys += 1 + len(properties)
    if event.metadata is not None:
        keys += 1 + len(event.metadata)
    return keys if event.interval is None else keys + 3


def _check_bounds(event: Event, latest: int) -> None:
    """Set the event's timestamps to milliseconds and refuse what is out of bounds."""
    if not (
        event.tenant_id.strip()
        and event.event_name.strip()
        and event.customer_id.strip()
        and event.environment_id.strip()  # type: ignore[union-attr] # has its default by now
        and (event.event_id is None or event.event_id.strip())
    ):
        _refuse_blank(event, *_EVENT_IDS)
    event.timestamp = _bounded_time(event.timestamp, latest)
    if event.interval is not None:
        _check_interval(event.interval, latest)


def _bounded_time(value: int | str, latest: int) -> int:
    timestamp = parse_timestamp(value)
    if EARLIEST <= timestamp <= latest:
        return timestamp
    raise RejectedError(
        Reason.TIMESTAMP_OUT_OF_BOUNDS,
        f"timestamp {value!r} is before the year 2000 or over a day after the record's append time",
    )


def _check_interval(interval: wire.Interval, latest: int) -> None:
    start, end = _bounded_time(interval.start, latest), _bounded_time(interval.end, latest)
    if not 0 <= end - start <= MAX_INTERVAL_MS:
        raise RejectedError(
            Reason.INTERVAL_OUT_OF_BOUNDS, f"interval {start} to {end} ms is negative or longer than 31 days"
        )
    interval.start, interval.end = start, end


def _check_boundary(boundary: Boundary, latest: int) -> None:
    """Refuse what `session-boundaries` could not take, where it is forwarded to."""
    _refuse_blank(boundary, "event_id", "tenant_id", "environment_id", "customer_id", "meter_id")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in boundary.metadata.items())
    if size > MAX_METADATA_BYTES:
        raise RejectedError(Reason.TOO_LONG, f"metadata is longer than {MAX_METADATA_BYTES} bytes")
    if boundary.start_time is not None:
        boundary.start_time = _bounded_time(boundary.start_time, latest)
    if boundary.end_time is not None:
        boundary.end_time = _bounded_time(boundary.end_time, latest)
    _check_lengths(boundary, *_BOUNDARY_IDS)


def _refuse_blank(decoded: Event | Boundary, *names: str) -> None:
    """Refuse ids that are empty or nothing but white space, as the schemas do; absent ones are none."""
    for name in names:
        text = getattr(decoded, name)
        if text is not None and not text.strip():
            hint = ": leave it out where there is none" if name == "event_id" else ": give it a value"
            raise RejectedError(Reason.INVALID_FIELD, f"{name} is blank{hint}")


def _check_lengths(decoded: Event | Boundary, *names: str) -> None:
    """Refuse ids over 512 bytes; a record no longer than that cannot hold one."""
    for name in names:
        text = getattr(decoded, name)
        if text is not None and len(text.encode()) > MAX_ID_BYTES:
            raise RejectedError(Reason.TOO_LONG, f"{name} is longer than {MAX_ID_BYTES} bytes")
