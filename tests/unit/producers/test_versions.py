"""Applying meters: the next version of each, unless nothing changed."""

from datetime import UTC, datetime, timedelta

import pytest

from producers import TopicMissingError, definitions
from producers.versions import next_versions
from schemas import (
    EPOCH,
    Aggregation,
    AggregationType,
    Filter,
    InvalidMeterError,
    Meter,
    MeterDefinition,
    Status,
    catalogue,
)

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PAGES = Meter(
    id="pages",
    event_name="page",
    name="Pages",
    aggregation=Aggregation(type=AggregationType.SUM, field="total_usage"),
)


def _applied(meters: list[Meter], standing: list[MeterDefinition]) -> list[MeterDefinition]:
    return [each.definition for each in next_versions(meters, standing, now=NOW)]


def test_a_first_version_counts_from_the_epoch() -> None:
    [version] = _applied([PAGES], [])
    assert (version.meter_version, version.effective_from) == (1, EPOCH)


def test_a_change_is_the_next_version_and_counts_from_now() -> None:
    standing = _applied([PAGES], [])
    [version] = _applied([PAGES.model_copy(update={"status": Status.ARCHIVED})], standing)
    assert (version.meter_version, version.effective_from) == (2, NOW)
    assert version.created_at == standing[0].created_at


def test_an_unchanged_meter_keeps_its_version_whoever_applies_it_whenever() -> None:
    standing = _applied([PAGES], [])
    again = PAGES.model_copy(
        update={"created_by": "somebody", "updated_at": NOW + timedelta(days=1), "meter_version": 7}
    )
    [applied] = next_versions([again], standing, now=NOW)
    assert applied.outcome == "unchanged"
    assert applied.definition == standing[0]


def test_only_the_newest_version_is_compared() -> None:
    first = _applied([PAGES], [])
    second = _applied([PAGES.model_copy(update={"unit": "pages"})], first)
    [third] = _applied([PAGES], [*second, *first])
    assert third.meter_version == 3


def test_an_effective_time_is_for_every_meter() -> None:
    start = NOW - timedelta(days=3)
    other = PAGES.model_copy(update={"id": "other", "effective_from": NOW})
    applied = next_versions([PAGES, other], [], now=NOW, effective_from=start)
    assert [each.definition.effective_from for each in applied] == [start, start]
    assert next_versions([other], [], now=NOW)[0].definition.effective_from == NOW


def test_meters_of_two_tenants_are_two_meters() -> None:
    standing = _applied([PAGES], [])
    [version] = _applied([PAGES.model_copy(update={"tenant_id": "t2", "unit": "x"})], standing)
    assert version.meter_version == 1


def test_every_fault_of_every_meter_is_named() -> None:
    faulty = [
        PAGES.model_copy(update={"name": ""}),
        PAGES.model_copy(update={"id": "b", "event_name": ""}),
        PAGES,
    ]
    with pytest.raises(InvalidMeterError) as raised:
        next_versions(faulty, [], now=NOW)
    assert all(part in str(raised.value) for part in ("name", "event_name", "more than once"))


def test_count_unique_is_applied_like_any_other() -> None:
    aggregation = Aggregation(type=AggregationType.COUNT_UNIQUE, field="user")
    [version] = _applied([PAGES.model_copy(update={"aggregation": aggregation})], [])
    assert version.aggregation.type is AggregationType.COUNT_UNIQUE


def test_changed_filters_alone_are_a_new_version() -> None:
    first = _applied([PAGES], [])
    filters = (Filter(key="model", values=("a", "b")),)
    [second] = _applied([PAGES.model_copy(update={"filters": filters})], first)
    assert (second.meter_version, second.effective_from) == (2, NOW)
    [same] = next_versions([PAGES.model_copy(update={"filters": filters})], [*first, second], now=NOW)
    assert same.outcome == "unchanged"


def test_an_unchanged_meter_keeps_its_effective_time_and_says_so() -> None:
    standing, later = _applied([PAGES], []), NOW + timedelta(days=1)
    own = PAGES.model_copy(update={"effective_from": later})
    asked = [
        next_versions([PAGES], standing, now=NOW, effective_from=later),
        next_versions([own], standing, now=NOW),
        next_versions([PAGES], standing, now=NOW, effective_from=EPOCH),
        next_versions([PAGES], standing, now=NOW),
    ]
    assert [applied.refused_start for [applied] in asked] == [later, later, None, None]
    assert all(applied.definition == standing[0] for [applied] in asked)


def test_a_new_version_takes_the_effective_time_it_is_given() -> None:
    standing, later = _applied([PAGES], []), NOW + timedelta(days=1)
    changed = PAGES.model_copy(update={"description": "pages, counted anew"})
    [applied] = next_versions([changed], standing, now=NOW, effective_from=later)
    assert (applied.definition.effective_from, applied.refused_start) == (later, None)


def test_the_catalogue_can_be_applied() -> None:
    assert len(_applied(list(catalogue()), [])) == 18


def test_a_missing_topic_says_what_to_run() -> None:
    with pytest.raises(
        TopicMissingError, match="usage-events does not exist: run `meterstream topics apply`"
    ):
        definitions._partition_count({"meter-definitions": 1}, "usage-events")
