"""Usage events: what they accept, and that the wire form loses nothing."""

import enum
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import UndecodableError, UsageEvent, readable_faults

FIELDS: dict[str, Any] = {
    "event_id": "e-1",
    "tenant_id": "acme",
    "event_name": "llm.request",
    "customer_id": "c-1",
    "timestamp": 1_767_182_400_999,
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**40), 10**40) | st.decimals(allow_nan=False, allow_infinity=False, places=18)


def event(**changes: object) -> UsageEvent:
    return UsageEvent.model_validate(FIELDS | changes)


def faults_of(**changes: object) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        event(**changes)
    return readable_faults(caught.value, UsageEvent)


def test_the_wire_form_is_compact_and_leaves_out_what_is_absent() -> None:
    assert event(properties={"tokens": 5}).to_json() == (
        b'{"event_id":"e-1","tenant_id":"acme","environment_id":"default","event_name":"llm.request",'
        b'"customer_id":"c-1","timestamp":1767182400999,"properties":{"tokens":5}}'
    )


def test_the_wire_form_holds_every_field_that_was_given() -> None:
    full = event(
        environment_id="test",
        device_id="d",
        source="gateway",
        properties={"model": "", "cached": False, "zero": 0},
        interval={"start": "2025-12-31T12:00:00.0009Z", "end": 1_767_182_500_000},
    )
    wire = orjson.loads(full.to_json())
    assert (wire["environment_id"], wire["device_id"], wire["source"]) == ("test", "d", "gateway")
    assert wire["properties"] == {"model": "", "cached": False, "zero": 0}
    assert wire["interval"] == {"start": 1_767_182_400_000, "end": 1_767_182_500_000}
    assert UsageEvent.from_json(full.to_json()) == full


@given(st.dictionaries(TEXT, TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1)))
def test_properties_survive_the_wire(properties: dict[str, str | bool | int]) -> None:
    read = UsageEvent.from_json(event(properties=properties).to_json()).properties
    assert read == properties
    assert [type(value) for value in read.values()] == [type(value) for value in properties.values()]


@given(NUMBERS)
def test_a_number_is_on_the_wire_to_its_last_digit(number: int | Decimal) -> None:
    wire = orjson.loads(event(properties={"n": number}).to_json())["properties"]["n"]
    assert Decimal(wire) == number


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (-0.0, "0"),
        (2.50, "2.5"),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (2**63, "9223372036854775808"),
        (2**63 - 1, 2**63 - 1),
        (True, True),
    ],
)
def test_a_number_json_readers_would_round_is_written_as_text(value: object, wire: object) -> None:
    written = orjson.loads(event(properties={"n": value}).to_json())["properties"]["n"]
    assert written == wire
    assert type(written) is type(wire)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_a_number_that_is_none_is_refused(value: object) -> None:
    (fault,) = faults_of(properties={"n": value})
    assert fault.startswith("properties.n: ")
    assert "is not a number: leave the property out" in fault


@pytest.mark.parametrize("value", [10**513, -(10**513), Decimal("1e600"), Decimal("1e-600")])
def test_a_number_of_absurd_length_is_refused(value: object) -> None:
    (fault,) = faults_of(properties={"n": value})
    assert "more than 512 digits" in fault


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, b"bytes", 1j])
def test_a_property_is_text_a_number_or_a_boolean(value: object) -> None:
    assert faults_of(properties={"n": value}) == (
        f"properties.n: must be text, a number or true/false, not {type(value).__name__}",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"properties": {"n": "\ud800"}},
        {"properties": {"\ud800": 1}},
        {"tenant_id": "\ud800"},
        {"source": "\udfff"},
    ],
)
def test_a_text_that_utf_8_cannot_hold_is_refused(change: dict[str, object]) -> None:
    (fault,) = faults_of(**change)
    assert "cannot be written as UTF-8" in fault


def test_an_enumeration_counts_as_the_text_it_is() -> None:
    class Model(enum.StrEnum):
        SMALL = "small"

    assert orjson.loads(event(properties={"m": Model.SMALL}).to_json())["properties"] == {"m": "small"}


def test_a_float_that_prints_otherwise_is_exact_all_the_same() -> None:
    class Measured(float):
        def __repr__(self) -> str:
            return "Measured(0.1)"

    assert event(properties={"n": Measured(0.1)}).properties == {"n": Decimal("0.1")}


def test_metadata_is_another_name_of_properties() -> None:
    fields = FIELDS | {"metadata": {"a": 1}}
    assert event(metadata={"a": 1}) == event(properties={"a": 1})
    assert fields["metadata"] == {"a": 1}


def test_properties_and_metadata_together_are_an_error() -> None:
    assert faults_of(metadata={}, properties={}) == (
        "metadata is another name of properties: give one of them, not both",
    )


@pytest.mark.parametrize("name", ["event_id", "tenant_id", "environment_id", "event_name", "customer_id"])
def test_an_id_is_not_empty_and_at_most_512_bytes(name: str) -> None:
    assert getattr(event(**{name: "é" * 256}), name) == "é" * 256
    assert faults_of(**{name: "é" * 257}) == (f"{name}: is 514 bytes long: use at most 512 bytes of UTF-8",)
    assert faults_of(**{name: ""}) == (f"{name}: is empty: give it a value",)
    assert faults_of(**{name: 5}) == (f"{name}: must be text (in quotes), not 5",)


@pytest.mark.parametrize("name", ["device_id", "source"])
def test_an_optional_id_may_be_empty_but_not_longer(name: str) -> None:
    assert getattr(event(**{name: ""}), name) == ""
    assert len(faults_of(**{name: "x" * 513})) == 1


def test_a_timestamp_with_a_zone_is_stored_in_milliseconds() -> None:
    assert event(timestamp="2025-12-31T13:00:00.9999+01:00").timestamp == 1_767_182_400_999


@pytest.mark.parametrize("moment", ["2025-12-31T12:00:00", True, None, "soon"])
def test_a_timestamp_that_is_none_is_refused(moment: object) -> None:
    (fault,) = faults_of(timestamp=moment)
    assert fault.startswith("timestamp: ")
    assert "give epoch milliseconds or RFC 3339 with a zone" in fault


def test_every_fault_of_an_event_is_named_at_once() -> None:
    places = [fault.split(":")[0] for fault in faults_of(tenant_id="", timestamp="x", customer="c")]
    assert places == ["tenant_id", "timestamp", "customer"]


def test_numbers_are_read_from_their_text() -> None:
    document = orjson.dumps(FIELDS)[:-1] + b',"properties":{"n":12345678901234567.89,"i":7}}'
    assert UsageEvent.from_json(document).properties == {"n": Decimal("12345678901234567.89"), "i": 7}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b'{"a":1,"a":2}', "repeats a key"),
        (b'{"properties":{"a":1,"a":1}}', "repeats a key"),
        (b'{"a":NaN}', "holds NaN"),
        (b'{"a":-Infinity}', "holds -Infinity"),
        (b"[]", "is not a JSON object but list"),
        (b"{", "is not JSON in UTF-8"),
        (b'{"a":"\xff"}', "is not JSON in UTF-8"),
        (b'{"a":' + b"9" * 5000 + b"}", "is not JSON in UTF-8"),
        (b'{"a":' + b"[" * 200_000 + b"}", "is not JSON in UTF-8"),
    ],
)
def test_bytes_that_readers_disagree_about_are_undecodable(document: bytes, why: str) -> None:
    with pytest.raises(UndecodableError, match=why):
        UsageEvent.from_json(document)
