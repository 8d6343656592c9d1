"""The catalogue: 18 meters for every tenant."""

from collections import Counter

from schemas import AggregationType, catalogue, validate

PERFORMANCE = {"chat.on.time_hours": "hours", "chat.query.time_secs": "seconds"}


def test_the_catalogue_ships_eighteen_meters_of_distinct_ids() -> None:
    assert len({meter.id for meter in catalogue()}) == len(catalogue()) == 18
    assert Counter(meter.type for meter in catalogue()) == {"volume": 16, "performance": 2}


def test_every_shipped_meter_is_complete_and_for_everyone() -> None:
    for meter in catalogue():
        validate(meter)
        assert (meter.tenant_id, meter.environment_id, meter.event_name) == ("*", "*", meter.id)
        assert meter.name
        assert meter.description.startswith("Total ")


def test_volume_meters_add_up_total_usage_by_the_minute() -> None:
    for meter in catalogue():
        if meter.type == "volume":
            assert meter.aggregation is not None
            assert (meter.aggregation.type, meter.aggregation.field) == (AggregationType.SUM, "total_usage")
            assert meter.window_seconds == 60


def test_performance_meters_are_durations_in_their_unit_by_the_hour() -> None:
    performance = [meter for meter in catalogue() if meter.type == "performance"]
    assert {meter.id: meter.unit for meter in performance} == PERFORMANCE
    for meter in performance:
        assert meter.aggregation is not None
        assert meter.aggregation.type is AggregationType.DURATION
        assert meter.window_seconds == 3_600


def test_a_shipped_meter_reads_as_its_documentation_does() -> None:
    shipped = {meter.id: (meter.name, meter.description) for meter in catalogue()}
    assert shipped["rule.executed.large"] == (
        "Large Rule Execution",
        "Total number of rules executed with runtime greater than 4 minutes",
    )
    assert shipped["template.processed.count"] == (
        "Template Licensing Count",
        "Total number of licensed templates processed",
    )
