"""Records read by the rules as a person would write them down: json, Fractions, one rule after another.

Nothing here comes from stream.core, whose readings are compared with these.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

DAY_MS = 86_400_000
YEAR_2000 = 946_684_800_000
YEAR_2100 = 4_102_444_800_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)

Property = str | bool | Fraction


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Why it does not count; the first argument is the reason."""


@dataclass(frozen=True)
class Usage:
    """An event; `key` tells repeats, None where nothing does; times are epoch milliseconds."""

    tenant: str
    environment: str
    name: str
    customer: str
    time: int
    key: tuple[str, str] | None
    properties: dict[str, Property] = field(hash=False)
    interval: tuple[int, int] | None


@dataclass(frozen=True)
class SessionMark:
    """A session's start, end or both."""

    tenant: str
    environment: str
    customer: str
    meter: str
    start: int | None
    end: int | None


def read(value: bytes | None, latest: int, foreign_tenant: str) -> Usage | SessionMark:
    """Return what a record says; raises Refused."""
    fields = _object(value)
    if "event_name" in fields:
        return _short_enough(_usage(fields, latest))
    if "meter_id" not in fields:
        raise Refused("unknown_shape")
    if fields.get("ai_event") or "start_time" in fields or "end_time" in fields:
        return _mark(fields, latest, foreign_tenant)
    return _short_enough(_foreign_usage(fields, latest, foreign_tenant))


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        fields = json.loads(
            value or b"", object_pairs_hook=_unrepeated, parse_float=Decimal, parse_constant=_no_number
        )
    except ValueError:
        raise Refused("undecodable") from None
    if not isinstance(fields, dict):
        raise Refused("unknown_shape")
    return fields


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Refused("undecodable")
    return dict(pairs)


def _no_number(_constant: str) -> None:
    raise Refused("undecodable")


def _usage(fields: dict[str, Any], latest: int) -> Usage:
    if fields.get("properties") is not None and fields.get("metadata") is not None:
        raise Refused("invalid_field")
    given = fields.get("properties") if fields.get("metadata") is None else fields["metadata"]
    interval = fields.get("interval")
    return Usage(
        tenant=(tenant := _name(fields, "tenant_id")),
        environment=_name(fields, "environment_id", "default"),
        name=_name(fields, "event_name"),
        customer=_name(fields, "customer_id"),
        time=_time(fields.get("timestamp"), latest),
        key=_key(tenant, fields),
        properties=_properties(given),
        interval=None if interval is None else _interval(interval, latest),
    )


def _foreign_usage(fields: dict[str, Any], latest: int, foreign_tenant: str) -> Usage:
    if "total_usage" not in fields:
        raise Refused("invalid_field")
    properties = (fields.get("metadata") or {}) | {"total_usage": fields["total_usage"]}
    tenant = _name(fields, "tenant_id", foreign_tenant)
    return Usage(
        tenant=tenant,
        environment=_name(fields, "environment_id", "default"),
        name=_name(fields, "meter_id"),
        customer=str(fields["customer_id"]),
        time=_time(fields.get("event_time"), latest),
        key=_key(tenant, fields),
        properties=_properties(properties),
        interval=None,
    )


def _mark(fields: dict[str, Any], latest: int, foreign_tenant: str) -> SessionMark:
    start, end = fields.get("start_time"), fields.get("end_time")
    if start is None and end is None:
        raise Refused("invalid_field")
    return SessionMark(
        tenant=_name(fields, "tenant_id", foreign_tenant),
        environment=_name(fields, "environment_id", "default"),
        customer=str(fields["customer_id"]),
        meter=_name(fields, "meter_id"),
        start=None if start is None else _time(start, latest),
        end=None if end is None else _time(end, latest),
    )


def _short_enough(usage: Usage) -> Usage:
    ids = (usage.tenant, usage.environment, usage.name, usage.customer, *(usage.key or ()))
    if any(len(name.encode()) > 512 for name in ids):
        raise Refused("too_long")
    return usage


def _name(fields: dict[str, Any], field_name: str, default: str | None = None) -> str:
    name = fields.get(field_name)
    if name is None:
        name = default
    if not isinstance(name, str) or name == "":
        raise Refused("invalid_field")
    return name


def _key(tenant: str, fields: dict[str, Any]) -> tuple[str, str] | None:
    return None if fields.get("event_id") is None else (tenant, _name(fields, "event_id"))


def _time(given: Any, latest: int) -> int:
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise Refused("invalid_field") from None
        if moment.tzinfo is None:
            raise Refused("invalid_field")
        given = (moment - EPOCH) // timedelta(milliseconds=1)
    if isinstance(given, bool) or not isinstance(given, int):
        raise Refused("invalid_field")
    if not YEAR_2000 <= given <= latest:
        raise Refused("timestamp_out_of_bounds")
    return given


def _interval(given: dict[str, Any], latest: int) -> tuple[int, int]:
    start, end = _time(given.get("start"), latest), _time(given.get("end"), latest)
    if not 0 <= end - start <= 31 * DAY_MS:
        raise Refused("interval_out_of_bounds")
    return start, end


def _properties(given: Any) -> dict[str, Property]:
    properties: dict[str, Property] = {}
    if not isinstance(given, dict | None):
        raise Refused("invalid_field")
    for key, value in (given or {}).items():
        if isinstance(value, str | bool):
            properties[key] = value
        elif isinstance(value, int | Decimal):
            properties[key] = Fraction(value)
        else:
            raise Refused("invalid_field")
    return properties


def number(value: Property) -> Fraction:
    """Return a property as a number a meter may aggregate; raises Refused."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = Fraction(value)
    if not isinstance(value, Fraction):
        raise Refused("not_a_number")
    if abs(value) > 10**15 or (value * 10**18).denominator != 1:
        raise Refused("number_out_of_bounds")
    return value


def text(value: Property) -> str:
    """Return a property as filters compare it and groups name it: 1.0 is 1, 1e3 is 1000."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    decimals = 0
    while (value * 10**decimals).denominator != 1:
        decimals += 1
    digits = str(abs(int(value * 10**decimals))).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return ("-" if value < 0 else "") + whole + ("." + fraction if fraction else "")
