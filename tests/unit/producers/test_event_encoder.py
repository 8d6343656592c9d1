"""Every event that is sent reads back as what it was; every other is refused by name of its field."""

from decimal import Decimal
from typing import Any

import pytest

from producers import InvalidEventError, UsageRecord
from producers.event_encoder import EventEncoder
from schemas import UsageEvent, message_key

MOMENT = 1_759_791_552_000
EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "tenant_id": "t",
    "event_name": "pages",
    "customer_id": "c",
    "timestamp": MOMENT,
    "properties": {"total_usage": 3, "region": "eu"},
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"device_id": "d", "source": "s", "environment_id": "test"},
    {"properties": {"share": 0.1, "price": Decimal("1234567890.123456789012345678"), "new": True}},
    {"properties": {"big": 2**80}},
    {"properties": {"text": '{"a": [null]}'}},
    {"properties": {}},
    {"timestamp": "2025-10-06T22:59:12Z"},
    {"interval": {"start": MOMENT, "end": MOMENT + 1}},
    {"customer_id": "é/ x"},
]


@pytest.fixture
def warm() -> EventEncoder:
    """An encoder that has met the event's ids and name, so that it takes the fast way."""
    encoder = EventEncoder()
    encoder.encode(EVENT)
    return encoder


@pytest.mark.parametrize("change", CHANGES)
def test_the_fast_way_and_the_careful_way_write_the_same_event(
    warm: EventEncoder, change: dict[str, Any]
) -> None:
    event = EVENT | change
    careful, fast = EventEncoder().encode(event), warm.encode(event)
    assert careful[:2] == fast[:2] == ("e-1", message_key("t", event["customer_id"]))
    assert _values(careful[2]) == _values(fast[2]) == _values(UsageEvent.model_validate(event).to_json())


def test_what_is_missing_is_filled_in(warm: EventEncoder) -> None:
    bare = {name: EVENT[name] for name in ("tenant_id", "event_name", "customer_id")}
    first, second = warm.encode(bare), warm.encode(bare | {"device_id": "d", "source": "s", "properties": {}})
    read = UsageEvent.from_json(first[2])
    assert read.event_id == first[0] != second[0]
    assert read.timestamp > MOMENT
    assert bare.keys() == {"tenant_id", "event_name", "customer_id"}


def test_metadata_is_another_name_of_properties(warm: EventEncoder) -> None:
    event = {name: value for name, value in EVENT.items() if name != "properties"} | {"metadata": {"a": "b"}}
    assert UsageEvent.from_json(warm.encode(event)[2]).properties == {"a": "b"}


def test_a_record_and_a_usage_event_are_events_too(warm: EventEncoder) -> None:
    record = UsageRecord("t", "c", "pages", {"total_usage": 3, "region": "eu"}, MOMENT, "e-1")
    assert warm.encode(record) == warm.encode(EVENT)
    assert warm.encode(record._replace(device_id="d")) == warm.encode(
        EVENT | {"environment_id": "default", "device_id": "d", "source": ""}
    )
    assert _values(warm.encode(UsageEvent.model_validate(EVENT))[2]) == _values(warm.encode(EVENT)[2])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant_id": ""}, "tenant_id"),
        ({"tenant_id": None}, "tenant_id"),
        ({"customer_id": ["c"]}, "customer_id"),
        ({"customer_id": "c" * 513}, "customer_id"),
        ({"event_name": 7}, "event_name"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": 7}, "event_id"),
        ({"event_id": "\ud800"}, "event_id"),
        ({"timestamp": MOMENT // 1000}, "timestamp"),
        ({"timestamp": MOMENT * 1000}, "timestamp"),
        ({"timestamp": MOMENT + 0.5}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"properties": {"a": None}}, "properties"),
        ({"properties": {"a": float("nan")}}, "properties"),
        ({"properties": {"a": Decimal("Infinity")}}, "properties"),
        ({"properties": {"a": [1]}}, "properties"),
        ({"properties": {"a": {}}}, "properties"),
        ({"properties": {1: "a"}}, "properties"),
        ({"properties": {"a": b"x"}}, "properties"),
        ({"properties": None}, "properties"),
        ({"properties": [1]}, "properties"),
        ({"device_id": 5}, "device_id"),
        ({"source": None}, "source"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_event_nobody_could_count_is_refused_and_its_field_named(
    warm: EventEncoder, change: dict[str, Any], field: str
) -> None:
    for encoder in (warm, EventEncoder()):
        with pytest.raises(InvalidEventError, match=field):
            encoder.encode(EVENT | change)


@pytest.mark.parametrize("name", ["tenant_id", "event_name", "customer_id"])
def test_a_missing_field_is_named(warm: EventEncoder, name: str) -> None:
    with pytest.raises(InvalidEventError, match=name):
        warm.encode({field: value for field, value in EVENT.items() if field != name})


def test_something_that_is_no_event_is_refused(warm: EventEncoder) -> None:
    with pytest.raises(InvalidEventError, match="a list is no event"):
        warm.encode([1])  # type: ignore[arg-type]


def _values(value: bytes) -> dict[str, Any]:
    """An event's fields with every number as its plain text, which is how meters read both forms."""
    fields = UsageEvent.from_json(value).model_dump()
    fields["properties"] = {
        name: entry if isinstance(entry, bool) else str(entry) for name, entry in fields["properties"].items()
    }
    return fields
