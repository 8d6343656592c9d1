"""Decoding: both wire forms, exact numbers, and a reason for everything refused."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import DeadLetterReason, UsageEvent
from stream.core import wire
from stream.core.decoding import Decoder
from stream.core.rejections import Reason, RejectedError
from stream.core.wire import Boundary, Event

NOW = 1_767_225_600_000
DAY = 86_400_000
LATEST = NOW + DAY

Bytes = Callable[..., bytes]


def refusal(decoder: Decoder, value: bytes | None) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        decoder.decode(value, LATEST)
    return caught.value


def test_a_usage_event_is_read_with_its_defaults(decoder: Decoder, event_bytes: Bytes) -> None:
    event = decoder.decode(event_bytes(properties={"model": "x", "tokens": 7, "cached": True}), LATEST)

    assert isinstance(event, Event)
    assert (event.tenant_id, event.environment_id, event.timestamp) == ("acme", "default", NOW)
    assert event.properties == {"model": "x", "tokens": 7, "cached": True}


def test_metadata_is_another_name_of_properties(decoder: Decoder, event_bytes: Bytes) -> None:
    event = decoder.decode(event_bytes(properties=None, metadata={"rule_id": "r1"}), LATEST)

    assert isinstance(event, Event)
    assert event.properties == {"rule_id": "r1"}


def test_properties_and_metadata_together_are_refused(decoder: Decoder, event_bytes: Bytes) -> None:
    assert refusal(decoder, event_bytes(metadata={"a": "b"})).reason is Reason.INVALID_FIELD


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.UNDECODABLE),
        (b"", Reason.UNDECODABLE),
        (b"{", Reason.UNDECODABLE),
        (b'{"event_name": "\xff"}', Reason.UNDECODABLE),
        (b"[" * 100_000, Reason.UNDECODABLE),
        (b"[1]", Reason.UNKNOWN_SHAPE),
        (b'"text"', Reason.UNKNOWN_SHAPE),
        (b'{"total": 1}', Reason.UNKNOWN_SHAPE),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(
    decoder: Decoder, value: bytes | None, reason: Reason
) -> None:
    assert refusal(decoder, value).reason is reason


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant_id": None},
        {"tenant_id": 7},
        {"customer_id": None},
        {"customer_id": ""},
        {"event_id": ""},
        {"event_name": ""},
        {"environment_id": ""},
        {"tenant_id": " "},
        {"customer_id": "\t\n"},
        {"event_id": "\u00a0"},
        {"event_name": "\u3000 "},
        {"environment_id": "  "},
        {"timestamp": None},
        {"timestamp": 1.5},
        {"timestamp": True},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": "30000-01-01T00:00:00Z"},
        {"timestamp": "2026-02-30T00:00:00Z"},
        {"properties": {"nested": {"a": 1}}},
        {"properties": {"nothing": [None]}},
        {"properties": ["a"]},
        {"interval": {"start": NOW}},
        {"interval": 5},
    ],
)
def test_a_field_at_fault_is_named(decoder: Decoder, event_bytes: Bytes, fields: dict[str, object]) -> None:
    refused = refusal(decoder, event_bytes(**fields))

    assert refused.reason is Reason.INVALID_FIELD
    assert any(name in refused.detail for name in fields)


@pytest.mark.parametrize(
    "timestamp", [NOW + DAY + 1, 883_612_800_000_000, 946_684_799_999, "1999-12-31T23:59:59.999Z", -1]
)
def test_a_timestamp_is_bounded_by_the_year_2000_and_a_day_past_the_append_time(
    decoder: Decoder, event_bytes: Bytes, timestamp: object
) -> None:
    assert refusal(decoder, event_bytes(timestamp=timestamp)).reason is Reason.TIMESTAMP_OUT_OF_BOUNDS


def test_timestamps_at_the_bounds_are_accepted(decoder: Decoder, event_bytes: Bytes) -> None:
    for timestamp in (946_684_800_000, LATEST):
        event = decoder.decode(event_bytes(timestamp=timestamp), LATEST)
        assert isinstance(event, Event)
        assert event.timestamp == timestamp


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01t00:00:00z", 0),
        ("2026-01-01 00:00:00+00:00", 0),
        ("2026-01-01T02:30:00+02:30", 0),
        ("2025-12-31T22:00:00.5-02:00", 500),
        ("2026-01-01T00:00:00.0019999Z", 1),
    ],
)
def test_rfc_3339_is_read_and_cut_to_the_millisecond(
    decoder: Decoder, event_bytes: Bytes, text: str, milliseconds: int
) -> None:
    event = decoder.decode(event_bytes(timestamp=text), LATEST)

    assert isinstance(event, Event)
    assert event.timestamp == NOW + milliseconds


@pytest.mark.parametrize(
    "value",
    [
        b'{"tenant_id":"t","event_name":"n","customer_id":"c","timestamp":1,"customer_id":"d"}',
        b'{"tenant_id":"t","event_name":"n","customer_id" :"c","timestamp":1,"properties":{"a":1,"a"\t: 1}}',
        b'{"tenant_id":"t","event_name":"n","customer_id":"c","timestamp":1,"metadata":{"a":1,"\\u0061":2}}',
        b'{"tenant_id":"t","event_name":"n","customer_id":"c","timestamp":1,"x":1,"x":1}',
        b'{"meter_id":"m","customer_id":"c","event_time":1,"total_usage":1,"total_usage":2}',
    ],
)
def test_a_repeated_key_makes_a_record_undecodable(decoder: Decoder, value: bytes) -> None:
    refused = refusal(decoder, value.replace(b'"timestamp":1', b'"timestamp":%d' % NOW))

    assert refused.reason is Reason.UNDECODABLE
    assert "repeated" in refused.detail


def test_a_key_repeated_deeper_down_or_only_in_text_is_no_fault(decoder: Decoder, event_bytes: Bytes) -> None:
    for value in (
        event_bytes(properties={"text": '"a":1,"a":2', "a": "x"}),
        event_bytes()[:-1] + b',"trace":{"a":1,"a":2}}',
    ):
        assert isinstance(decoder.decode(value, LATEST), Event)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_json_does_not_have_is_undecodable(
    decoder: Decoder, event_bytes: Bytes, constant: str
) -> None:
    value = event_bytes(properties={"tokens": 1}).replace(b'"tokens": 1', f'"tokens": {constant}'.encode())

    assert refusal(decoder, value).reason is Reason.UNDECODABLE


def test_a_number_with_25_digits_is_no_fault_of_the_event(decoder: Decoder, event_bytes: Bytes) -> None:
    event = decoder.decode(event_bytes(properties={"tokens": 10**24, "other": 1}), LATEST)

    assert isinstance(event, Event)
    assert event.properties is not None
    assert event.properties["tokens"] == 10**24


def test_exact_properties_keep_every_digit(event_bytes: Bytes) -> None:
    value = event_bytes(properties={"a": 1}).replace(b'"a": 1', b'"a": 12345678901234567.89, "b": 0.1')

    assert wire.exact_properties(value) == {"a": Decimal("12345678901234567.89"), "b": Decimal("0.1")}


def test_an_id_over_512_bytes_is_too_long(decoder: Decoder, event_bytes: Bytes) -> None:
    for name in ("tenant_id", "environment_id", "event_name", "customer_id", "event_id", "device_id"):
        assert refusal(decoder, event_bytes(**{name: "é" * 257})).reason is Reason.TOO_LONG
        assert isinstance(decoder.decode(event_bytes(**{name: "é" * 256}), LATEST), Event)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (NOW, NOW - 1, Reason.INTERVAL_OUT_OF_BOUNDS),
        (NOW - 31 * DAY - 1, NOW, Reason.INTERVAL_OUT_OF_BOUNDS),
        (NOW, NOW + DAY + 1, Reason.TIMESTAMP_OUT_OF_BOUNDS),
    ],
)
def test_an_interval_is_bounded(
    decoder: Decoder, event_bytes: Bytes, start: int, end: int, reason: Reason
) -> None:
    assert refusal(decoder, event_bytes(interval={"start": start, "end": end})).reason is reason


def test_the_record_of_meter_lib_is_an_event_of_the_foreign_tenant(decoder: Decoder) -> None:
    value = json.dumps(
        {
            "meter_id": "page.processed.basic",
            "customer_id": "c-7",
            "total_usage": 24,
            "event_time": NOW,
            "metadata": {"rule_id": "r1"},
        }
    ).encode()

    event = decoder.decode(value, LATEST)

    assert isinstance(event, Event)
    assert (event.tenant_id, event.event_name, event.customer_id) == (
        "foreign",
        "page.processed.basic",
        "c-7",
    )
    assert (event.event_id, event.properties) == (None, {"rule_id": "r1", "total_usage": 24})


def test_a_foreign_record_may_name_its_tenant_and_id(decoder: Decoder) -> None:
    value = (
        b'{"meter_id":"m","customer_id":7,"total_usage":"2.5","tenant_id":"t","event_id":"e","event_time":%d}'
    )

    event = decoder.decode(value % NOW, LATEST)

    assert isinstance(event, Event)
    assert (event.tenant_id, event.event_id, event.customer_id) == ("t", "e", "7")


@pytest.mark.parametrize("missing", ["customer_id", "total_usage", "event_time"])
def test_a_foreign_record_without_a_field_says_which(decoder: Decoder, missing: str) -> None:
    fields = {"meter_id": "m", "customer_id": "c", "total_usage": 1, "event_time": NOW}
    del fields[missing]

    refused = refusal(decoder, json.dumps(fields).encode())

    assert refused.reason is Reason.INVALID_FIELD
    assert missing in refused.detail


def test_a_foreign_session_boundary_is_told_from_usage(decoder: Decoder) -> None:
    value = {
        "ai_event": True,
        "meter_id": "m",
        "customer_id": "c",
        "start_time": NOW,
        "metadata": {"session_id": "s"},
    }

    boundary = decoder.decode(json.dumps(value).encode(), LATEST)

    assert isinstance(boundary, Boundary)
    assert (boundary.tenant_id, boundary.session_id) == ("foreign", "s")
    assert (boundary.start_time, boundary.end_time) == (NOW, None)


def test_a_boundary_without_a_time_or_out_of_bounds_is_refused(decoder: Decoder) -> None:
    value = {"ai_event": True, "meter_id": "m", "customer_id": "c"}

    assert refusal(decoder, json.dumps(value).encode()).reason is Reason.INVALID_FIELD
    late = refusal(decoder, json.dumps(value | {"end_time": LATEST + 1}).encode())
    assert late.reason is Reason.TIMESTAMP_OUT_OF_BOUNDS


_IDS = st.text(st.sampled_from(" \t\r\n\x1f\x85\u00a0\u2003\u200bx\u00e9\0"), max_size=3)


@given(
    ids=st.fixed_dictionaries(
        {"event_id": _IDS, "tenant_id": _IDS, "event_name": _IDS, "customer_id": _IDS},
        optional={"environment_id": _IDS},
    )
)
def test_an_id_is_blank_here_where_it_is_for_the_schemas(ids: dict[str, str]) -> None:
    value = json.dumps({**ids, "timestamp": NOW, "properties": {}}).encode()
    blank = [name for name, text in ids.items() if not text.strip()]
    try:
        UsageEvent.from_json(value)
        accepted = True
    except ValidationError:
        accepted = False

    if accepted:
        assert isinstance(Decoder("foreign").decode(value, LATEST), Event)
    else:
        assert refusal(Decoder("foreign"), value).detail.partition(" is blank")[0] in blank


def test_a_blank_id_of_a_foreign_record_is_refused_too(decoder: Decoder) -> None:
    fields = {"meter_id": "m", "customer_id": "c", "total_usage": 1, "event_time": NOW}
    for name in ("meter_id", "customer_id", "tenant_id", "event_id", "environment_id"):
        refused = refusal(decoder, json.dumps(fields | {name: " "}).encode())
        assert refused.reason is Reason.INVALID_FIELD
        assert "is blank" in refused.detail


def test_every_reason_is_a_dead_letters_reason() -> None:
    assert {reason.value for reason in Reason} <= {reason.value for reason in DeadLetterReason}


_TEXTS = st.text(max_size=8)
_SCALARS = st.one_of(_TEXTS, st.booleans(), st.integers(), st.none(), st.lists(st.integers(), max_size=1))
_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": _SCALARS,
        "tenant_id": st.just("t") | _SCALARS,
        "event_name": st.just("n") | _SCALARS,
        "customer_id": st.just("c") | _SCALARS,
        "timestamp": st.just(NOW) | st.just("2026-01-01T00:00:00Z") | _SCALARS,
        "environment_id": _SCALARS,
        "properties": st.dictionaries(_TEXTS, _SCALARS, max_size=3) | _SCALARS,
        "metadata": st.dictionaries(_TEXTS, _TEXTS, max_size=3) | _SCALARS,
        "interval": st.fixed_dictionaries({"start": st.just(NOW), "end": st.just(NOW + 1)}) | _SCALARS,
        "source": _SCALARS,
        "other": _SCALARS,
    },
)


@given(fields=_EVENTS)
def test_the_compiled_decoder_says_what_the_written_rules_say(fields: dict[str, object]) -> None:
    value = json.dumps(fields).encode()
    decoder = Decoder("foreign")

    def outcome(decode: Callable[[], Event | Boundary]) -> object:
        try:
            return decode()
        except RejectedError as refused:
            return refused.reason

    def by_the_rules() -> Event | Boundary:
        exact = wire.decode_exactly(value, "foreign")
        assert isinstance(exact, Event)
        wire.merge_metadata(exact)
        return exact

    fast, exact = outcome(lambda: decoder.decode(value, LATEST)), outcome(by_the_rules)

    if isinstance(exact, Reason):
        assert fast is exact
    elif isinstance(fast, Event):
        assert isinstance(exact, Event)
        assert (fast.properties or {}) == (exact.properties or {})
        assert (fast.tenant_id, fast.event_id) == (exact.tenant_id, exact.event_id)
