"""From what a caller hands in to the key and bytes of a record, at several hundred thousand a second.

An event of the plain form (the usual field types, ids seen before) is written at once. Any other goes through
schemas.UsageEvent, which either understands it or says what is wrong; so the fast way knows no rule that
UsageEvent does not, and words no error of its own.
"""

import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import orjson
from pydantic import ValidationError

from producers.encoding import ONLY_JSON_TYPES, exact_number
from producers.errors import InvalidEventError
from producers.event_ids import new_event_id
from producers.usage_record import UsageRecord
from schemas import EARLIEST_TIMESTAMP_MS, UsageEvent, message_key, readable_faults

Event = Mapping[str, Any] | UsageRecord | UsageEvent
Encoded = tuple[str, bytes, bytes]
"""Event id, key and value."""

_LATEST_TIMESTAMP_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: microseconds and nanoseconds lie beyond it."""
_USUAL: Final = ("event_id", "timestamp", "tenant_id", "customer_id", "event_name", "properties")
_USUAL_SIZE: Final = len(_USUAL)
_usual_values: Final = itemgetter(*_USUAL)
_TEXTS: Final = ("environment_id", "device_id", "source")
_EXACT: Final = frozenset((str, int, bool))
_SHORT: Final = 128
"""Characters; even at four bytes each they are within the 512 bytes an id may have."""
_REMEMBERED: Final = 100_000


class EventEncoder:
    """Encodes events; remembers the ids and names it has seen, up to a bound."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], bytes] = {}
        self._names: set[str] = set()

    def encode(self, event: Event) -> Encoded:
        """Give back event id, key and value; a missing event_id is made, a missing timestamp is now.

        Raises:
            InvalidEventError: a field is missing, unknown or unusable; names every fault.
        """
        fields = event if type(event) is dict else _fields(event)
        size = len(fields)
        if size < _USUAL_SIZE:
            fields = _completed(fields)
            size = len(fields)
        try:
            event_id, timestamp, tenant_id, customer_id, event_name, properties = _usual_values(fields)
            if (
                event_id >= "!"
                and len(event_id) <= _SHORT
                and type(timestamp) is int
                and EARLIEST_TIMESTAMP_MS <= timestamp <= _LATEST_TIMESTAMP_MS
                and event_name in self._names
                and (size == _USUAL_SIZE or _has_only_texts_beside(fields))
                and (_EXACT.issuperset(map(type, properties.values())) or _are_exact(properties.values()))
            ):
                key = self._keys[tenant_id, customer_id]
                return event_id, key, orjson.dumps(fields, exact_number, ONLY_JSON_TYPES)
        except KeyError:
            completed = _completed(fields)
            if completed.keys() != fields.keys():
                return self.encode(completed)
        except (TypeError, AttributeError):
            pass  # something no field may be, which UsageEvent names
        return self._encode_unusual(fields)

    def _encode_unusual(self, fields: Mapping[str, Any]) -> Encoded:
        event = _validated(fields)
        key = message_key(event.tenant_id, event.customer_id)
        if len(self._keys) + len(self._names) >= _REMEMBERED:
            self._keys, self._names = {}, set()
        self._keys[event.tenant_id, event.customer_id] = key
        self._names.add(event.event_name)
        return event.event_id, key, event.to_json()


def _completed(fields: Mapping[str, Any]) -> dict[str, Any]:
    if "metadata" in fields and "properties" not in fields:
        fields = {("properties" if name == "metadata" else name): value for name, value in fields.items()}
    return {"event_id": new_event_id(), "timestamp": _now_ms(), "properties": {}, **fields}


def _has_only_texts_beside(fields: Mapping[str, Any]) -> bool:
    texts = [fields[name] for name in _TEXTS if name in fields]
    return len(fields) == _USUAL_SIZE + len(texts) and all(
        type(text) is str and len(text) <= _SHORT for text in texts
    )


def _are_exact(values: Iterable[object]) -> bool:
    return all(type(value) in _EXACT or _is_finite(value) for value in values)


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, Decimal) and value.is_finite()


def _fields(event: object) -> Mapping[str, Any]:
    if isinstance(event, UsageRecord):
        return event.fields()
    if isinstance(event, UsageEvent):
        return event.model_dump(exclude_defaults=True)
    if isinstance(event, Mapping):
        return dict(event)
    raise InvalidEventError(
        f"a {type(event).__name__} is no event: give a mapping, a UsageRecord or a schemas.UsageEvent"
    )


def _validated(fields: Mapping[str, Any]) -> UsageEvent:
    if type(fields.get("timestamp")) is float:
        raise InvalidEventError("timestamp: is a float: pass whole milliseconds, int(time.time() * 1000)")
    try:
        event = UsageEvent.model_validate(fields)
    except ValidationError as error:
        raise InvalidEventError("\n".join(readable_faults(error, UsageEvent))) from error
    if not EARLIEST_TIMESTAMP_MS <= event.timestamp <= _LATEST_TIMESTAMP_MS:
        raise InvalidEventError(
            f"timestamp: {event.timestamp} lies outside the years 2000 to 9999: give milliseconds"
        )
    return event


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
