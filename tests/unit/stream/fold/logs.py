"""Records of usage-events, out of so few names and moments that they meet again and again."""

import json
from collections.abc import Callable
from random import Random

from stream.core.log import LOG_APPEND_TIME, Record

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE = 60_000
DAY = 86_400_000
CREATE_TIME = 0

TENANTS = ("acme", "zeta")
ENVIRONMENTS = ("default", "test")
NAMES = ("used", "called")

_TIMES = (NOW, NOW + MINUTE, NOW + MINUTE - 1, NOW - 1, NOW - MINUTE, NOW - 90 * MINUTE, NOW - 400 * DAY)
_FAR_TIMES = (946_684_799_999, NOW + 2 * DAY, 0, -5, 4_102_444_800_000)
_TEXT_TIMES = (
    '"2026-01-01T00:00:00Z"',
    '"2026-01-01T00:00:59.9999Z"',
    '"2025-12-31T23:59:30.25-01:30"',
    '"2026-01-01T01:00:00+01:00"',
)
_NUMBERS = (
    *("0", "1", "7", "-3", "1.0", "2.50", "1e3", "1E-2", "-0.0", "0.1", "0.2"),
    *("0.000000000000000001", "999999999999999.999999999999999999", "1000000000000000"),
    *('"7"', '"2.5"', '"-0.75"', '"1e2"', '"0.000000000000000001"'),
)
_USELESS = ("true", '"x"', '""', '"007"', '" 7"', '"+7"', '"0x1"', '"NaN"', '"1_0"', '"\u0667"')
_OUT_OF_BOUNDS = ("1e16", "1000000000000000.1", "12345678901234567.89", "1e-19", '"1e-19"', "1e400")
_LABELS = ('"a"', '"b"', '"1"', '"true"', "1", "1.0", "true", "false", "2.5", "1e0", '"é"', '""', '"c\\":1"')
_LONG = json.dumps("x" * 513)

_CUSTOMERS = (*['"c1"'] * 6, '"c2"', '"c\\":3"', '"cust\\u006fmer"')
_CLOCK_TOKENS = (*[str(NOW)] * 6, *map(str, _TIMES), *_TEXT_TIMES)
_LENGTHS = (0, 1, MINUTE, MINUTE, 3 * MINUTE + 1, 61 * MINUTE)

_FAULTS: tuple[dict[str, str | None], ...] = (
    {"tenant_id": None},
    {"event_name": None},
    {"event_name": '""'},
    {"customer_id": "17"},
    {"customer_id": _LONG},
    {"event_id": '""'},
    {"event_id": _LONG},
    {"environment_id": '""'},
    {"timestamp": None},
    {"timestamp": "true"},
    {"timestamp": f"{NOW}.0"},
    {"timestamp": '"2026-01-01T00:00:00"'},
    {"timestamp": '"yesterday"'},
    *({"timestamp": str(time)} for time in _FAR_TIMES),
    {"properties": "[]"},
    {"properties": '{"units": null}', "metadata": None},
    {"properties": '{"units": [1]}', "metadata": None},
    {"properties": '{"units": NaN}', "metadata": None},
    {"properties": '{"units": 1, "units": 1}', "metadata": None},
    {"properties": "{}", "metadata": "{}"},
    {"properties": f'{{"model": {_LONG}}}', "metadata": None},
    {"interval": f'{{"start": {NOW}, "end": {NOW + 2 * DAY}}}'},
    {"interval": f'{{"start": {NOW - 31 * DAY}, "end": {NOW}}}'},
    {"interval": f'{{"start": {NOW - 31 * DAY - 1}, "end": {NOW}}}'},
    {"interval": f'{{"start": {NOW}, "end": {NOW - 1}}}'},
    {"interval": f'{{"start": {NOW}}}'},
)


_RUBBISH = (b"", b"{", b"\xff\xfe", b"[1]", b"7", b"{}", b'{"event_name": "used"}x', b'{"a": 1, "a": 1}')

_OFFSET_STEPS = (*[1] * 18, 2, 9)  # transaction markers take offsets too
_SMALL_STEPS = (0, 0, 400)
_CLOCK_STEPS = (2_000, 7_000, 61_000, -1_000, -30_000)  # back after a failover


def _object(fields: dict[str, str | None]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}:{token}" for name, token in fields.items() if token) + "}"


def _units(chance: Random) -> str:
    dice = chance.random()
    if dice < 0.1:
        return chance.choice((*_USELESS, *_OUT_OF_BOUNDS))
    if dice < 0.2:
        return str(chance.randint(-(10**15), 10**15))
    if dice < 0.3:
        return f"{chance.uniform(-1e6, 1e6):.6f}"
    return chance.choice(_NUMBERS)


def _properties(chance: Random) -> str:
    properties = {
        "units": _units(chance) if chance.random() < 0.8 else None,
        "model": chance.choice(_LABELS) if chance.random() < 0.8 else None,
        "flag": chance.choice(_LABELS) if chance.random() < 0.5 else None,
    }
    return _object(properties)


def _interval(chance: Random) -> str | None:
    if chance.random() < 0.6:
        return None
    start = chance.choice(_TIMES[3:])
    return _object({"start": str(start), "end": str(start + chance.choice(_LENGTHS))})


def _event(chance: Random) -> str:
    fields = {
        "event_id": chance.choice((None, *(f'"e{number}"' for number in range(30)))),
        "tenant_id": json.dumps(chance.choice((*TENANTS[:1] * 3, *TENANTS))),
        "environment_id": chance.choice((*[None] * 5, "null", *map(json.dumps, ENVIRONMENTS))),
        "event_name": json.dumps(chance.choice((*NAMES[:1] * 2, *NAMES))),
        "customer_id": chance.choice(_CUSTOMERS),
        "timestamp": chance.choice(_CLOCK_TOKENS),
        chance.choice(("properties", "properties", "metadata")): _properties(chance),
        "interval": _interval(chance),
        "trace": chance.choice((None, None, None, "[1, {}]")),
    }
    fault = chance.choice(_FAULTS) if chance.random() < 0.08 else {}
    return _object(fields | fault)


def _foreign(chance: Random) -> str:
    fields = {
        "meter_id": json.dumps(chance.choice(NAMES)),
        "customer_id": chance.choice(('"c1"', "17")),
        "total_usage": _units(chance),
        "event_time": chance.choice(_CLOCK_TOKENS),
        "metadata": chance.choice((None, "{}", '{"model": "a"}', '{"model": 1.0}')),
        "tenant_id": chance.choice((None, *map(json.dumps, TENANTS))),
        "event_id": chance.choice((None, None, '"e1"', '"e2"')),
    }
    if chance.random() < 0.2:
        fields[chance.choice(("meter_id", "total_usage", "event_time"))] = None
    return _object(fields)


def _mark(chance: Random) -> str:
    fields = {
        "ai_event": "true",
        "meter_id": '"ai.used"',
        "customer_id": '"c1"',
        "start_time": chance.choice((None, *_CLOCK_TOKENS)),
        "end_time": chance.choice((None, *_CLOCK_TOKENS, *map(str, _FAR_TIMES))),
        "metadata": chance.choice((None, '{"session_id": "s1"}')),
    }
    return _object(fields)


_VALUES: tuple[Callable[[Random], str], ...] = (*[_event] * 12, *[_foreign] * 2, _mark)


def _value(chance: Random) -> bytes | None:
    if chance.random() < 0.03:
        return chance.choice((None, *_RUBBISH))
    return chance.choice(_VALUES)(chance).encode()


def make_log(chance: Random, length: int) -> list[Record]:
    """Return records of one partition in order, often starting past offset 0."""
    offset, clock, records = chance.choice((0, 3, 1_000)), NOW, list[Record]()
    unrest = chance.choice((0.02, 0.1, 0.3))
    for _ in range(length):
        clock += chance.choice(_CLOCK_STEPS if chance.random() < unrest else _SMALL_STEPS)
        timestamp_type = CREATE_TIME if chance.random() < unrest / 10 else LOG_APPEND_TIME
        if chance.random() < unrest / 4:
            records.append(Record(offset, clock, headers=(("meterstream-control", b"tick"),)))
        else:
            records.append(Record(offset, clock, timestamp_type, value=_value(chance)))
        offset += chance.choice(_OFFSET_STEPS)
    return records
