"""Meters: their defaults, and what makes one complete."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from schemas import (
    EPOCH,
    Aggregation,
    AggregationType,
    Filter,
    InvalidMeterError,
    Meter,
    MeterDefinition,
    ResetUsage,
    Status,
    definition,
    definition_key,
    new_meter,
    same_meter,
    validate,
)

COMPLETE = Meter(id="calls", event_name="api.call", name="Calls", aggregation=Aggregation(type="COUNT"))


def faults_of(meter: Meter) -> tuple[str, ...]:
    with pytest.raises(InvalidMeterError) as caught:
        validate(meter)
    assert str(caught.value).splitlines() == list(caught.value.faults)
    return caught.value.faults


def test_a_new_meter_has_an_id_of_its_own_and_the_defaults() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    meter = new_meter("API calls", "acme", "ann")
    assert uuid.UUID(meter.id.removeprefix("meter_")).version == 4
    assert meter.id.startswith("meter_")
    assert (meter.name, meter.tenant_id, meter.environment_id) == ("API calls", "acme", "default")
    assert (meter.created_by, meter.updated_by) == ("ann", "ann")
    assert before <= meter.created_at == meter.updated_at <= datetime.now(UTC)
    assert (meter.filters, meter.group_by) == ((), ())
    assert (meter.reset_usage, meter.status) == (ResetUsage.BILLING_PERIOD, Status.PUBLISHED)
    assert (meter.meter_version, meter.effective_from) == (1, None)
    assert meter.id != new_meter("API calls", "acme", "ann").id


def test_a_new_meter_says_what_it_still_lacks() -> None:
    faults = faults_of(new_meter("API calls", "acme", "ann"))
    assert [fault.split(":")[0] for fault in faults] == ["event_name", "aggregation"]


def test_a_new_meter_completed_by_a_copy_is_valid_and_takes_the_window_of_its_type() -> None:
    begun = new_meter("Chat", "acme", "ann")
    meter = begun.model_copy(
        update={"event_name": "chat", "aggregation": Aggregation(type=AggregationType.DURATION)}
    )
    validate(meter)
    assert definition(meter).window_seconds == 3_600
    assert definition(meter).created_at == begun.created_at


@pytest.mark.parametrize(("aggregation", "seconds"), [("COUNT", 60), ("DURATION", 3_600)])
def test_a_window_is_a_minute_and_for_durations_an_hour(aggregation: str, seconds: int) -> None:
    assert Meter(aggregation={"type": aggregation}).window_seconds == seconds


def test_a_window_that_is_given_is_kept() -> None:
    assert Meter(aggregation={"type": "DURATION"}, window_seconds=900).window_seconds == 900


@pytest.mark.parametrize("aggregation", list(AggregationType))
def test_every_type_but_count_and_duration_needs_a_field(aggregation: AggregationType) -> None:
    meter = COMPLETE.model_copy(update={"aggregation": Aggregation(type=aggregation)})
    if aggregation in (AggregationType.COUNT, AggregationType.DURATION):
        validate(meter)
    else:
        assert faults_of(meter) == (
            f"aggregation.field: is missing: name the property that {aggregation} works on",
        )
    validate(meter.model_copy(update={"aggregation": Aggregation(type=aggregation, field="tokens")}))


@pytest.mark.parametrize("seconds", [1, 60, 3_600, 86_400])
def test_a_window_may_be_any_divisor_of_a_day(seconds: int) -> None:
    validate(COMPLETE.model_copy(update={"window_seconds": seconds}))


@pytest.mark.parametrize("seconds", [0, -60, 7, 86_401, 172_800])
def test_a_window_that_does_not_divide_a_day_is_a_fault(seconds: int) -> None:
    (fault,) = faults_of(COMPLETE.model_copy(update={"window_seconds": seconds}))
    assert fault.startswith("window_seconds: ")


def test_validate_names_every_fault_of_a_meter_built_in_python() -> None:
    meter = Meter(
        id="",
        event_name=" ",
        name="",
        tenant_id="t" * 513,
        environment_id="",
        aggregation=Aggregation(type="SUM"),
        filters=[Filter(), Filter(key="model", values=[])],
        group_by=["region", "region", ""],
        window_seconds=7,
        meter_version=0,
    )
    places = [fault.split(":")[0] for fault in faults_of(meter)]
    assert sorted(places) == sorted(
        [
            "id",
            "event_name",
            "name",
            "tenant_id",
            "environment_id",
            "aggregation.field",
            "filters[0].key",
            "filters[0].values",
            "filters[1].values",
            "group_by",
            "window_seconds",
            "meter_version",
        ]
    )


def test_one_fault_of_group_by_does_not_hide_another() -> None:
    (fault,) = faults_of(COMPLETE.model_copy(update={"group_by": ("a", "", "a", "k" * 513)}))
    assert "'a' 2 times" in fault
    assert "empty key" in fault
    assert "too long" in fault


def test_a_duration_is_in_a_unit_of_time() -> None:
    meter = COMPLETE.model_copy(update={"aggregation": Aggregation(type="DURATION"), "unit": "pages"})
    (fault,) = faults_of(meter)
    assert fault.startswith("unit: 'pages' is not a unit of time: ")
    assert fault.endswith("is one of milliseconds, seconds, minutes, hours, days")
    validate(COMPLETE.model_copy(update={"unit": "pages"}))


def test_an_archived_meter_and_count_unique_are_valid() -> None:
    aggregation = Aggregation(type="COUNT_UNIQUE", field="user")
    validate(COMPLETE.model_copy(update={"status": Status.ARCHIVED, "aggregation": aggregation}))


def test_an_id_is_measured_in_bytes_of_utf_8() -> None:
    validate(COMPLETE.model_copy(update={"id": "é" * 256}))
    assert faults_of(COMPLETE.model_copy(update={"id": "é" * 257})) == (
        "id: is 514 bytes long: use at most 512 bytes of UTF-8",
    )


def test_a_meter_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        COMPLETE.name = "Other"  # type: ignore[misc]


def test_a_definition_counts_from_the_epoch_unless_told_otherwise() -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    assert definition(COMPLETE).effective_from == EPOCH
    assert definition(COMPLETE.model_copy(update={"effective_from": moment})).effective_from == moment
    later = definition(COMPLETE, meter_version=2, effective_from=moment)
    assert (later.meter_version, later.effective_from_ms) == (2, 1_769_817_600_000)


def test_an_incomplete_meter_makes_no_definition() -> None:
    with pytest.raises(InvalidMeterError, match="aggregation: is missing"):
        definition(Meter(id="a", event_name="b", name="c"))


def test_a_definition_survives_the_wire() -> None:
    told = definition(
        Meter(
            id="tokens",
            event_name="llm.request",
            name="Tokens",
            aggregation=Aggregation(type="SUM", field="tokens"),
            filters=(Filter(key="model", values=("a", "b")),),
            group_by=("region",),
            created_by="ann",
        ),
        meter_version=3,
        effective_from=datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC),
    )
    assert MeterDefinition.from_json(told.to_json()) == told


def test_a_definition_accepts_plain_aggregations_and_filters() -> None:
    told = MeterDefinition(
        id="a",
        event_name="b",
        name="c",
        aggregation=Aggregation(type="SUM", field="x"),
        filters=(Filter(key="k", values=("v",)),),
        effective_from=0,
    )
    assert told.aggregation.field == "x"
    assert told.filters[0].values == ("v",)


def test_a_definition_is_keyed_by_tenant_environment_meter_and_version() -> None:
    meter = COMPLETE.model_copy(update={"tenant_id": "*", "id": "a/b", "meter_version": 12})
    assert definition_key(meter) == b"%2A/default/a%2Fb/12"


def test_meters_are_the_same_whoever_wrote_them_and_whenever() -> None:
    again = COMPLETE.model_copy(
        update={"meter_version": 4, "created_by": "bob", "created_at": EPOCH, "effective_from": EPOCH}
    )
    assert same_meter(COMPLETE, definition(again))


@pytest.mark.parametrize(
    "change", [{"status": Status.ARCHIVED}, {"unit": "calls"}, {"filters": (Filter(key="a", values=("b",)),)}]
)
def test_a_meter_that_counts_otherwise_is_not_the_same(change: dict[str, object]) -> None:
    assert not same_meter(COMPLETE, COMPLETE.model_copy(update=change))
