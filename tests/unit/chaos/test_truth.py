"""The fold of the plan is compared with a naive count over the records themselves."""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos import meters
from tests.chaos.plan import Kind, Plan
from tests.chaos.records import Records
from tests.chaos.truth import Cell, Truth, Usage, fold

PLAN = Plan(seed=5, base=1_767_225_570_000, rate=300, events=20_000, change=9_000)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return fold(PLAN)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Every event once, in its order."""
    records = Records(PLAN)
    seen: dict[str, dict[str, Any]] = {}
    for n in range(PLAN.events):
        value = records.encode(n)[1]
        if value.startswith(b"{"):
            event = json.loads(value, parse_float=Decimal)
            seen.setdefault(event.get("event_id", f"boundary {n}"), event)
    return list(seen.values())


def of(truth: Truth, meter_id: str) -> dict[Cell, Usage]:
    return {cell: usage for cell, usage in truth.usage.items() if cell.meter_id == meter_id}


def grouped(events: list[dict[str, Any]], name: str, meter_id: str) -> dict[Cell, list[dict[str, Any]]]:
    cells: dict[Cell, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event.get("event_name") == name:
            window = event["timestamp"] // 60_000 * 60
            cells[Cell(meter_id, event["tenant_id"], event["customer_id"], "", window)].append(event)
    return cells


def test_calls_are_counted_and_their_tokens_added(truth: Truth, events: list[dict[str, Any]]) -> None:
    calls = grouped(events, "call", meters.CALLS)
    assert of(truth, meters.CALLS) == {cell: (len(each), len(each)) for cell, each in calls.items()}
    tokens = grouped(events, "call", meters.TOKENS)
    assert of(truth, meters.TOKENS) == {
        cell: (len(each), sum(event["properties"]["tokens"] for event in each))
        for cell, each in tokens.items()
    }


def test_tokens_of_a_model_add_up_to_all_tokens(truth: Truth) -> None:
    by_model = of(truth, meters.TOKENS_BY_MODEL)
    assert {cell.model for cell in by_model} == {"large", "small", "tiny"}
    assert sum(usage.value for usage in by_model.values()) == sum(
        usage.value for usage in of(truth, meters.TOKENS).values()
    )


def test_billed_calls_follow_the_definition_in_force_at_their_time(
    truth: Truth, events: list[dict[str, Any]]
) -> None:
    def is_billed(event: dict[str, Any]) -> bool:
        later = event["timestamp"] >= PLAN.changed_from
        regions = meters.BILLED_AFTERWARDS if later else meters.BILLED_AT_FIRST
        return event["properties"]["region"] in regions

    calls = grouped(events, "call", meters.BILLED)
    billed = {cell: sum(map(is_billed, each)) for cell, each in calls.items()}
    assert of(truth, meters.BILLED) == {cell: (count, count) for cell, count in billed.items() if count}


def test_pings_are_measured(truth: Truth, events: list[dict[str, Any]]) -> None:
    for cell, pings in grouped(events, "ping", "").items():
        values = [ping["properties"]["latency"] for ping in pings]
        of_meter = {
            meter: truth.usage[cell._replace(meter_id=meter)]
            for meter in (
                meters.MEAN,
                meters.LEAST,
                meters.GREATEST,
                meters.LATEST,
            )
        }
        assert {usage.events for usage in of_meter.values()} == {len(values)}
        assert of_meter[meters.LEAST].value == min(values)
        assert of_meter[meters.GREATEST].value == max(values)
        latest = max(ping["timestamp"] for ping in pings)
        assert (
            of_meter[meters.LATEST].value
            == [ping["properties"]["latency"] for ping in pings if ping["timestamp"] == latest][-1]
        )
        mean = of_meter[meters.MEAN].value
        assert abs(mean * len(values) - sum(values)) < Decimal("1e-12")


def test_a_session_is_billed_to_the_millisecond_in_the_hours_it_covers(truth: Truth) -> None:
    talks = of(truth, meters.TALK_TIME)
    assert truth.sessions
    assert sum(usage.events for usage in talks.values()) == len(truth.sessions)
    milliseconds = sum(session.end - session.start for session in truth.sessions)
    assert sum(usage.value for usage in talks.values()) * 1000 == milliseconds


def test_probes_without_a_size_count_for_the_meter_that_needs_none(truth: Truth) -> None:
    assert sum(usage.events for usage in of(truth, meters.PROBES).values()) == truth.events[Kind.PARTIAL]
    assert of(truth, meters.PROBE_SIZE) == {}
