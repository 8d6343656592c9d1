"""The wire forms of usage, and the exact rules by which a record that is not plain is read."""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.core.numbers import json_number, property_text
from stream.core.rejections import Reason, RejectedError

DEFAULT_ENVIRONMENT: Final = "default"

MAX_DEPTH: Final = 64

_decode_any: Final = msgspec.json.Decoder(float_hook=json_number).decode
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_PROPERTY_TYPES: Final = (str, int, Decimal)  # bool is an int


class Interval(msgspec.Struct, gc=False):
    """A span of time an event covers; epoch milliseconds once its bounds are checked."""

    start: int | str
    end: int | str


class Event(msgspec.Struct, gc=False):
    """A usage event as the stream works with it.

    `timestamp` is epoch milliseconds once the bounds are checked. A float among the properties stands for a
    number whose exact text `exact_properties` takes from the record again.
    """

    tenant_id: str
    event_name: str
    customer_id: str
    timestamp: int | str
    event_id: str | None = None
    environment_id: str | None = None
    properties: dict[str, str | int | float | bool] | None = None
    metadata: dict[str, str | int | float | bool] | None = None
    device_id: str | None = None
    source: str | None = None
    interval: Interval | None = None


class Boundary(msgspec.Struct, gc=False):
    """The start, the end or both of an AI session; epoch milliseconds once its bounds are checked."""

    tenant_id: str
    environment_id: str
    customer_id: str
    meter_id: str
    device_id: str
    session_id: str
    start_time: int | str | None
    end_time: int | str | None
    metadata: dict[str, str]
    event_id: str | None


def decode_exactly(value: bytes, foreign_tenant: str) -> Event | Boundary:
    """Read a record by the written rules: numbers exact, every field checked, both wire forms.

    Raises:
        RejectedError: UNDECODABLE, UNKNOWN_SHAPE or INVALID_FIELD.
    """
    fields = _object(value)
    if "event_name" in fields:
        return _event(fields)
    if "meter_id" in fields:
        return _foreign(fields, foreign_tenant)
    raise RejectedError(Reason.UNKNOWN_SHAPE, "neither event_name nor meter_id is among the fields")


def exact_properties(value: bytes) -> dict[str, Any]:
    """Return an already accepted event's properties with every number exact."""
    fields = _decode_any(value)
    return fields.get("properties") or fields.get("metadata") or {}


def refuse_repeated_keys(value: bytes) -> None:
    """Refuse a key repeated at the first level of the event or of its properties.

    Raises:
        RejectedError: UNDECODABLE: decoders disagree about which of the values counts.
    """
    _refuse_deep_nesting(value)
    try:
        top = json.loads(value, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except ValueError as error:
        raise RejectedError(Reason.UNDECODABLE, f"not JSON: {error}") from None
    for name, pairs in (
        ("the event", top),
        *((key, inner) for key, inner in top if key in ("properties", "metadata")),
    ):
        if isinstance(pairs, _Pairs):
            repeated = sorted(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            if repeated:
                raise RejectedError(Reason.UNDECODABLE, f"repeated in {name}: {', '.join(repeated)[:256]}")


def _refuse_deep_nesting(value: bytes) -> None:
    """Refuse what one decoder reads and another gives up on, depending on the stack it is called on."""
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise RejectedError(Reason.UNDECODABLE, f"nested deeper than {MAX_DEPTH} levels")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, which a list of JSON is not."""


def _object(value: bytes) -> dict[str, Any]:
    _refuse_deep_nesting(value)
    try:
        fields = _decode_any(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RejectedError(Reason.UNDECODABLE, f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RejectedError(Reason.UNKNOWN_SHAPE, f"a JSON {type(fields).__name__}, not an object")
    refuse_repeated_keys(value)
    return fields


def _event(fields: dict[str, Any]) -> Event:
    event = Event(
        tenant_id=_text(fields, "tenant_id"),
        event_name=_text(fields, "event_name"),
        customer_id=_text(fields, "customer_id"),
        timestamp=_time(fields, "timestamp"),
        event_id=_optional_text(fields, "event_id"),
        environment_id=_optional_text(fields, "environment_id"),
        properties=_properties(fields, "properties"),
        metadata=_properties(fields, "metadata"),
        device_id=_optional_text(fields, "device_id"),
        source=_optional_text(fields, "source"),
        interval=_interval(fields),
    )
    merge_metadata(event)
    return event


def merge_metadata(event: Event) -> None:
    """Let `metadata` be another name of `properties`.

    Raises:
        RejectedError: INVALID_FIELD, when both are given.
    """
    if event.metadata is None:
        return
    if event.properties is not None:
        raise RejectedError(
            Reason.INVALID_FIELD, "properties and metadata are two names of one field: give one"
        )
    event.properties, event.metadata = event.metadata, None


def _foreign(fields: dict[str, Any], foreign_tenant: str) -> Event | Boundary:
    if fields.get("ai_event") or "start_time" in fields or "end_time" in fields:
        return _boundary(fields, foreign_tenant)
    properties = _properties(fields, "metadata") or {}
    if "total_usage" in properties:
        raise RejectedError(
            Reason.INVALID_FIELD, "metadata has a key total_usage, which is the event's own field"
        )
    if "total_usage" not in fields:
        raise RejectedError(Reason.INVALID_FIELD, "total_usage is missing")
    properties["total_usage"] = fields["total_usage"]
    _check_property("total_usage", fields["total_usage"])
    return Event(
        tenant_id=_optional_text(fields, "tenant_id") or foreign_tenant,
        event_name=_text(fields, "meter_id"),
        customer_id=_foreign_customer(fields),
        timestamp=_time(fields, "event_time"),
        event_id=_optional_text(fields, "event_id"),
        environment_id=_optional_text(fields, "environment_id"),
        properties=properties,
        device_id=_optional_text(fields, "device_id"),
    )


def _boundary(fields: dict[str, Any], foreign_tenant: str) -> Boundary:
    start = None if fields.get("start_time") is None else _time(fields, "start_time")
    end = None if fields.get("end_time") is None else _time(fields, "end_time")
    if start is None and end is None:
        raise RejectedError(Reason.INVALID_FIELD, "a session boundary has neither start_time nor end_time")
    metadata = {key: property_text(value) for key, value in (_properties(fields, "metadata") or {}).items()}
    return Boundary(
        tenant_id=_optional_text(fields, "tenant_id") or foreign_tenant,
        environment_id=_optional_text(fields, "environment_id") or DEFAULT_ENVIRONMENT,
        customer_id=_foreign_customer(fields),
        meter_id=_text(fields, "meter_id"),
        device_id=_optional_text(fields, "device_id") or "",
        session_id=_optional_text(fields, "session_id") or metadata.get("session_id", ""),
        start_time=start,
        end_time=end,
        metadata=metadata,
        event_id=_optional_text(fields, "event_id"),
    )


def _foreign_customer(fields: dict[str, Any]) -> str:
    """Accept the number that some customer directories use as an id."""
    customer = fields.get("customer_id")
    if isinstance(customer, int) and not isinstance(customer, bool):
        return str(customer)
    return _text(fields, "customer_id")


def _text(fields: dict[str, Any], name: str) -> str:
    text = _optional_text(fields, name)
    if text is None:
        raise RejectedError(Reason.INVALID_FIELD, f"{name} is missing")
    return text


def _optional_text(fields: dict[str, Any], name: str) -> str | None:
    text = fields.get(name)
    if text is not None and not isinstance(text, str):
        raise RejectedError(Reason.INVALID_FIELD, f"{name} is a {type(text).__name__}, not a string")
    return text


def _time(fields: dict[str, Any], name: str) -> int | str:
    time = fields.get(name)
    if time is None:
        raise RejectedError(Reason.INVALID_FIELD, f"{name} is missing")
    if isinstance(time, bool) or not isinstance(time, (int, str)):
        raise RejectedError(
            Reason.INVALID_FIELD, f"{name} is neither whole epoch milliseconds nor RFC 3339 text"
        )
    return time


def _properties(fields: dict[str, Any], name: str) -> dict[str, Any] | None:
    properties = fields.get(name)
    if properties is None:
        return None
    if not isinstance(properties, dict):
        raise RejectedError(Reason.INVALID_FIELD, f"{name} is not an object")
    for key, value in properties.items():
        _check_property(f"{name}.{key}", value)
    return properties


def _check_property(name: str, value: object) -> None:
    if not isinstance(value, _PROPERTY_TYPES):
        raise RejectedError(
            Reason.INVALID_FIELD,
            f"{name[:128]} is neither a string, a number nor a boolean: {type(value).__name__}",
        )


def _interval(fields: dict[str, Any]) -> Interval | None:
    interval = fields.get("interval")
    if interval is None:
        return None
    if not isinstance(interval, dict):
        raise RejectedError(Reason.INVALID_FIELD, "interval is not an object with start and end")
    bounds = {f"interval.{name}": interval.get(name) for name in ("start", "end")}
    return Interval(start=_time(bounds, "interval.start"), end=_time(bounds, "interval.end"))
