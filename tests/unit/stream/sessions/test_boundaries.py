"""Records of session-boundaries: what they say, where they stood first, and why they are refused."""

from typing import Any

import orjson
import pytest

from schemas import SOURCE_HEADERS, SessionBoundary
from stream.core.log import LOG_APPEND_TIME, Record, Source
from stream.core.rejections import Reason, RejectedError
from stream.core.timestamps import DAY_MS
from stream.sessions.boundaries import decode_boundary, position_of

T = 1_700_000_000_000
SOURCE = Source("session-boundaries", "topic-id", 3)
FIELDS = {
    "boundary_id": "b1",
    "tenant_id": "acme",
    "customer_id": "c/1",
    "meter_id": "chat",
    "start_time": T,
    "metadata": {"session_id": "s1"},
}
KEY = b"acme/default/c%2F1/chat//s1"


def record(value: bytes | None = None, key: bytes | None = KEY, **changes: Any) -> Record:
    fields = {name: field for name, field in {**FIELDS, **changes}.items() if field is not None}
    return Record(7, T, LOG_APPEND_TIME, key, orjson.dumps(fields) if value is None else value)


def reason(refused: Record) -> Reason:
    with pytest.raises(RejectedError) as rejection:
        decode_boundary(refused, position_of(refused, SOURCE))
    return rejection.value.reason


def test_a_boundary_names_its_session_and_its_position() -> None:
    found = decode_boundary(record(), position_of(record(), SOURCE))
    assert found.key.text.encode() == KEY == SessionBoundary.model_validate(FIELDS).key
    assert found.key.session_id == "s1"
    assert (found.arrival.source, found.arrival.offset) == ("topic-id/3", 7)
    assert (found.arrival.statement.start, found.arrival.statement.end) == (T, None)


def test_a_forwarded_boundary_keeps_its_position_in_usage_events() -> None:
    headers = tuple(zip(SOURCE_HEADERS, (b"events-id", b"2", b"99"), strict=True))
    position = position_of(record()._replace(headers=headers), SOURCE)
    assert position.source == Source("usage-events", "events-id", 2)
    assert position.offset == 99


def test_headers_that_name_no_position_are_passed_over() -> None:
    headers = tuple(zip(SOURCE_HEADERS, (b"events-id", b"two", b""), strict=True))
    assert position_of(record()._replace(headers=headers), SOURCE).offset == 7


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000],
)
def test_what_is_no_json_object_is_refused(value: bytes) -> None:
    assert reason(record(value)) is Reason.BOUNDARY_INVALID


def test_a_record_without_a_value_is_refused() -> None:
    assert reason(Record(7, T, LOG_APPEND_TIME, KEY, None)) is Reason.BOUNDARY_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time": None},
        {"tenant_id": None},
        {"customer_id": ""},
        {"meter_id": "m" * 513},
        {"start_time": "yesterday"},
        {"metadata": {"a": 1}},
        {"metadata": {"session_id": "s1", "text": "x" * 16_384}},
        {"surprise": 1},
    ],
)
def test_a_boundary_that_breaks_a_rule_is_refused(changes: dict[str, Any]) -> None:
    assert reason(record(**changes)) is Reason.BOUNDARY_INVALID


def test_a_lone_surrogate_is_refused() -> None:
    value = orjson.dumps(FIELDS).replace(b"acme", b"\\ud800")
    assert reason(record(value)) is Reason.BOUNDARY_INVALID


@pytest.mark.parametrize("key", [None, b"", b"acme/default/c1/chat//s1"])
def test_a_boundary_under_the_key_of_another_session_is_refused(key: bytes | None) -> None:
    assert reason(record(key=key)) is Reason.BOUNDARY_INVALID


@pytest.mark.parametrize("moment", [946_684_799_999, T + DAY_MS + 1, "30000-01-01T00:00:00Z"])
def test_a_moment_out_of_bounds_is_refused(moment: int | str) -> None:
    assert reason(record(end_time=moment)) in (Reason.TIMESTAMP_OUT_OF_BOUNDS, Reason.BOUNDARY_INVALID)


def test_times_of_an_rfc_3339_text_are_read() -> None:
    found = decode_boundary(record(start_time="2023-11-14T22:13:20.1239Z"), position_of(record(), SOURCE))
    assert found.arrival.statement.start == T + 123
