"""What goes to brokers is what schemas describe; what goes to a proxy is meter-lib's record and three ids."""

from decimal import Decimal

import orjson

from producers.encoding import to_json
from producers.wire_forms import (
    Boundary,
    Source,
    Use,
    boundary_record,
    session_boundary,
    usage_event,
    usage_record,
)
from schemas import SessionBoundary, UsageEvent

MOMENT = 1_759_791_552_000
SOURCE = Source(
    "e-1", "tenant/1", "device_1", "cust 1", "chat.on.time_hours", {"session_id": "s", "rule": "r"}
)


def test_a_use_becomes_a_usage_event_keyed_by_tenant_and_customer() -> None:
    key, event = usage_event(Use(SOURCE, Decimal("1234567890.123456789012345678"), MOMENT))
    read = UsageEvent.from_json(to_json(event | {"properties": {**event["properties"], "total_usage": "0"}}))
    assert key == b"tenant%2F1/cust%201"
    assert (read.event_id, read.tenant_id, read.customer_id) == ("e-1", "tenant/1", "cust 1")
    assert (read.event_name, read.device_id, read.timestamp) == ("chat.on.time_hours", "device_1", MOMENT)
    assert read.properties == {"session_id": "s", "rule": "r", "total_usage": "0"}


def test_a_decimal_is_written_digit_by_digit() -> None:
    _, event = usage_event(Use(SOURCE, Decimal("1234567890.123456789012345678"), MOMENT))
    assert b'"total_usage":1234567890.123456789012345678' in to_json(event)


def test_a_boundary_becomes_a_session_boundary_keyed_by_its_session() -> None:
    key, fields = session_boundary(Boundary(SOURCE, MOMENT, None))
    read = SessionBoundary.from_json(to_json(fields))
    assert read.key == key
    assert (read.start_time, read.end_time, read.session_id) == (MOMENT, None, "s")
    assert read.metadata == {"session_id": "s", "rule": "r"}


def test_a_boundary_without_session_id_belongs_to_its_device() -> None:
    key, _ = session_boundary(Boundary(Source("e", "t", "d", "c", "m"), None, MOMENT))
    assert key == b"t/default/c/m/d/"


def test_a_record_for_a_proxy_is_meter_libs_with_the_ids_it_leaves_out() -> None:
    assert orjson.loads(to_json(usage_record(Use(SOURCE, 24, MOMENT)))) == {
        "meter_id": "chat.on.time_hours",
        "customer_id": "cust 1",
        "total_usage": 24,
        "event_time": MOMENT,
        "metadata": {"session_id": "s", "rule": "r"},
        "event_id": "e-1",
        "tenant_id": "tenant/1",
        "device_id": "device_1",
    }


def test_an_ai_record_carries_only_the_times_that_happened() -> None:
    record = boundary_record(Boundary(SOURCE, None, MOMENT))
    assert record["ai_event"] is True
    assert record["end_time"] == MOMENT
    assert "start_time" not in record
