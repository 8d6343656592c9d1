"""Meters read from files: JSON and YAML documents, and every fault in them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import InvalidMeterError, Status, parse_meters

GOOD: dict[str, Any] = {
    "id": "tokens",
    "event_name": "llm.request",
    "name": "Tokens",
    "aggregation": {"type": "SUM", "field": "tokens"},
}


def faults_of(data: object) -> tuple[str, ...]:
    with pytest.raises(InvalidMeterError) as caught:
        parse_meters(data)
    assert str(caught.value).splitlines() == list(caught.value.faults)
    return caught.value.faults


def test_one_mapping_is_one_meter() -> None:
    (meter,) = parse_meters(GOOD)
    assert (meter.id, meter.event_name, meter.name) == ("tokens", "llm.request", "Tokens")
    assert meter.aggregation is not None
    assert (meter.aggregation.type, meter.aggregation.field) == ("SUM", "tokens")
    assert (meter.tenant_id, meter.environment_id, meter.window_seconds) == ("default", "default", 60)


def test_a_list_is_several_meters_in_its_order() -> None:
    assert [meter.id for meter in parse_meters([GOOD, GOOD | {"id": "other"}])] == ["tokens", "other"]


def test_every_field_of_a_meter_is_read() -> None:
    (meter,) = parse_meters(
        GOOD
        | {
            "filters": [{"key": "model", "values": ["a", 10]}],
            "reset_usage": "NEVER",
            "environment_id": "test",
            "tenant_id": "acme",
            "status": "archived",
            "created_at": "2026-01-31T12:00:00+01:00",
            "updated_at": 1_769_857_200_000,
            "created_by": "ann",
            "updated_by": "bob",
            "group_by": ["region"],
            "unit": "tokens",
            "window_seconds": 3_600,
            "effective_from": datetime(2026, 1, 31, tzinfo=UTC),
        }
    )
    assert meter.filters[0].values == ("a", "10")
    assert (meter.reset_usage, meter.environment_id, meter.tenant_id) == ("NEVER", "test", "acme")
    assert meter.status is Status.ARCHIVED
    assert meter.created_at == datetime(2026, 1, 31, 11, tzinfo=UTC) == meter.updated_at
    assert (meter.created_by, meter.updated_by, meter.unit) == ("ann", "bob", "tokens")
    assert (meter.group_by, meter.window_seconds) == (("region",), 3_600)
    assert meter.effective_from == datetime(2026, 1, 31, tzinfo=UTC)


def test_every_fault_of_a_meter_is_named_at_once() -> None:
    faults = faults_of(
        {
            "id": "i" * 513,
            "eventname": "llm.request",
            "name": "",
            "aggregation": {"type": "TOTAL", "feild": "tokens"},
            "filters": [{"key": "", "values": []}, {"values": "a"}, 5, {"key": "k", "values": [1.5, True]}],
            "group_by": ["a", "a"],
            "window_seconds": "60",
            "reset_usage": "DAILY",
            "status": "deleted",
            "effective_from": "2026-01-31T12:00:00",
            "created_at": datetime(2026, 1, 31),  # noqa: DTZ001 - what YAML gives for a time without a zone
        }
    )
    said = dict(fault.removeprefix("meter 1 (" + "i" * 513 + "): ").split(": ", 1) for fault in faults)
    assert said.pop("id") == "is 513 bytes long: use at most 512 bytes of UTF-8"
    assert said.pop("eventname") == "is not a known field: did you mean event_name?"
    assert said.pop("event_name") == "is missing: give it a value"
    assert said.pop("name") == "is empty: give it a value"
    assert said.pop("aggregation.type").startswith("'TOTAL' is unknown: use 'COUNT', 'SUM'")
    assert said.pop("aggregation.feild") == "is not a known field: did you mean field?"
    assert said.pop("filters[0].key") == "is empty: give it a value"
    assert said.pop("filters[0].values") == "is empty: give at least one"
    assert said.pop("filters[1].key") == "is missing: give it a value"
    assert said.pop("filters[1].values") == "must be a list, not 'a'"
    assert said.pop("filters[2]") == "must be a mapping of field names to values, not 5"
    assert said.pop("filters[3].values[0]") == "1.5 has no single text: put it in quotes, as events write it"
    assert said.pop("filters[3].values[1]") == "True has no single text: put it in quotes, as events write it"
    assert said.pop("group_by") == "names 'a' 2 times: name it once"
    assert said.pop("window_seconds") == "must be a whole number, not '60'"
    assert said.pop("reset_usage") == "'DAILY' is unknown: use 'BILLING_PERIOD' or 'NEVER'"
    assert said.pop("status") == "'deleted' is unknown: use 'published' or 'archived'"
    assert said.pop("effective_from").startswith("'2026-01-31T12:00:00' is not a timestamp: give epoch")
    assert said.pop("created_at").startswith("2026-01-31T00:00:00 has no zone: give epoch milliseconds")
    assert said == {}


def test_a_missing_field_of_the_aggregation_is_named_at_its_place() -> None:
    assert faults_of(GOOD | {"aggregation": {"type": "SUM"}}) == (
        "meter 1 (tokens): aggregation.field: is missing: name the property that SUM works on",
    )


@pytest.mark.parametrize("required", ["id", "event_name", "name", "aggregation"])
def test_a_required_field_that_is_missing_is_named(required: str) -> None:
    (fault,) = faults_of({name: value for name, value in GOOD.items() if name != required})
    assert fault.endswith(f": {required}: is missing: give it a value")


def test_each_line_says_which_meter_by_position_and_id() -> None:
    faults = faults_of([GOOD, GOOD | {"id": "b", "name": ""}, {**GOOD, "id": ""}, "text"])
    assert [fault.split(":")[0] for fault in faults] == ["meter 2 (b)", "meter 3", "meter 4"]


def test_a_meter_given_twice_is_a_fault() -> None:
    assert faults_of([GOOD, GOOD | {"id": "other"}, GOOD | {"tenant_id": "default"}]) == (
        "meter 3 (tokens): id: meter 1 has the same one in this tenant and environment: give each its own",
    )


def test_two_tenants_or_environments_may_use_one_id() -> None:
    meters = parse_meters([GOOD, GOOD | {"tenant_id": "acme"}, GOOD | {"environment_id": "test"}])
    assert len(meters) == 3


@pytest.mark.parametrize("data", [None, "text", 5, True])
def test_a_file_that_holds_no_mapping_or_list_is_refused(data: object) -> None:
    (fault,) = faults_of(data)
    assert fault == f"a meter file holds one mapping or a list of them, not {type(data).__name__}"


def test_a_field_name_that_is_no_text_is_a_fault() -> None:
    (fault,) = faults_of({**GOOD, True: "on"})
    assert "must be a field name (text), not True" in fault


def test_an_unknown_field_that_resembles_none_lists_those_there_are() -> None:
    (fault,) = faults_of(GOOD | {"aggregation": {"type": "COUNT", "zzz": 1}})
    assert fault == "meter 1 (tokens): aggregation.zzz: is not a known field: the fields here are type, field"


def test_a_fault_stays_on_its_line_whatever_the_names_hold() -> None:
    faults = faults_of(GOOD | {"id": "a\nb\ud800", "x\ny": 1})
    assert len(faults) == 2
    assert all(fault.startswith("meter 1 ('a\\nb\\ud800'): ") for fault in faults)
    assert "id: cannot be written as UTF-8" in faults[0]
    assert "'x\\ny': is not a known field" in faults[1]


def test_texts_that_utf_8_cannot_hold_are_faults_wherever_they_stand() -> None:
    bad = "\ud800"
    faults = faults_of(
        GOOD
        | {
            "description": bad,
            "aggregation": {"type": "SUM", "field": bad},
            "filters": [{"key": bad, "values": [bad]}],
            "group_by": [bad],
        }
    )
    assert len(faults) == 5
    assert all("cannot be written as UTF-8" in fault for fault in faults)
