"""Which meters count a session, and the rows they give it."""

from dataclasses import replace
from typing import Any

import msgspec

from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.rejections import Reason
from stream.core.session_rows import SessionKey, count_changed, needs_definitions, rows_of
from stream.core.session_state import SessionsState
from stream.core.sessions import Arrival, apply
from stream.core.switches import Statement
from stream.core.timestamps import DAY_MS

KEY = SessionKey("acme", "default", "c1", "chat", "", "s1", "acme/default/c1/chat//s1")
MIDNIGHT = 1_700_006_400_000  # 2023-11-15T00:00:00Z
METER = Definition(
    tenant_id="*",
    environment_id="*",
    meter_id="chat.hours",
    meter_version=1,
    event_name="chat",
    aggregation=Aggregation.DURATION,
    field="",
    filters=(),
    group_by=(),
    window_ms=3_600_000,
    unit="hours",
    effective_from=0,
    published=True,
)


def stated(state: SessionsState, *statements: Statement) -> SessionsState:
    for statement in statements:
        offset = state.applied.get("source", -1) + 1
        state, refusal = apply(state, Arrival("source", offset, statement, 0), identified=True)
        assert refusal is None
    return state


def session(start: int, end: int, **metadata: str) -> SessionsState:
    return stated(SessionsState(), Statement(start, end, metadata))


def rows(state: SessionsState, *definitions: Definition) -> list[dict[str, Any]]:
    counted, refusals = count_changed(state, KEY, DefinitionSet(definitions))
    assert refusals == []
    return [msgspec.json.decode(line) for line in rows_of(counted.changed(), KEY)]


def test_a_session_over_midnight_is_split_to_the_millisecond() -> None:
    found = rows(session(MIDNIGHT - 500, MIDNIGHT + 2 * 3_600_000 + 1), METER)
    assert [(row["window_start"] * 1000 - MIDNIGHT, row["sum"], row["event_count"]) for row in found] == [
        (-3_600_000, "500", 1),
        (0, "3600000", 0),
        (3_600_000, "3600000", 0),
        (7_200_000, "1", 0),
    ]


def test_a_session_row_names_the_session_as_its_origin() -> None:
    (row,) = rows(session(MIDNIGHT, MIDNIGHT + 1), METER)
    assert row == {
        "tenant_id": "acme",
        "environment_id": "default",
        "meter_id": "chat.hours",
        "meter_version": 1,
        "customer_id": "c1",
        "group": {},
        "window_start": MIDNIGHT // 1000,
        "window_end": MIDNIGHT // 1000 + 3600,
        "aggregation": "DURATION",
        "unit": "hours",
        "source_topic_id": "",
        "source_partition": -1,
        "chunk_start": -1,
        "source_session": "acme/default/c1/chat//s1",
        "row_version": 2,
        "event_count": 1,
        "sum": "1",
        "min": None,
        "max": None,
        "latest": None,
        "latest_timestamp": None,
        "latest_offset": None,
    }


def test_a_session_of_no_length_is_an_event_of_its_window() -> None:
    (row,) = rows(session(MIDNIGHT, MIDNIGHT), METER)
    assert (row["sum"], row["event_count"]) == ("0", 1)


def test_a_meter_that_measures_no_duration_does_not_count_sessions() -> None:
    assert rows(session(MIDNIGHT, MIDNIGHT + 1), replace(METER, aggregation=Aggregation.COUNT)) == []


def test_the_version_in_force_at_the_start_counts_the_whole_session() -> None:
    later = replace(METER, meter_version=2, effective_from=MIDNIGHT)
    assert {row["meter_version"] for row in rows(session(MIDNIGHT - 1, MIDNIGHT + 1), METER, later)} == {1}
    assert {row["meter_version"] for row in rows(session(MIDNIGHT, MIDNIGHT + 1), METER, later)} == {2}


def test_filters_and_groups_are_by_metadata() -> None:
    meter = replace(METER, filters=(("model", frozenset({"a"})),), group_by=("region",))
    assert rows(session(MIDNIGHT, MIDNIGHT + 1, model="b"), meter) == []
    (row,) = rows(session(MIDNIGHT, MIDNIGHT + 1, model="a", region="eu"), meter)
    assert row["group"] == {"region": "eu"}


def test_a_meter_whose_group_value_is_too_long_refuses_the_session_and_others_count_it() -> None:
    grouped = replace(METER, meter_id="grouped", group_by=("region",))
    state, refusals = count_changed(
        session(MIDNIGHT, MIDNIGHT + 1, region="x" * 513), KEY, DefinitionSet([grouped, METER])
    )
    assert [(refused.meter_id, refused.refusal.reason) for refused in refusals] == [
        ("grouped", Reason.TOO_LONG)
    ]
    assert [msgspec.json.decode(line)["meter_id"] for line in rows_of(state.changed(), KEY)] == ["chat.hours"]


def test_a_meter_of_too_many_windows_refuses_the_session_and_others_count_it() -> None:
    by_the_second = replace(METER, meter_id="seconds", window_ms=1_000)
    month = session(MIDNIGHT, MIDNIGHT + 31 * DAY_MS)
    state, refusals = count_changed(month, KEY, DefinitionSet([by_the_second, METER]))
    assert [(refused.meter_id, refused.refusal.reason) for refused in refusals] == [
        ("seconds", Reason.INTERVAL_OUT_OF_BOUNDS)
    ]
    assert {msgspec.json.decode(line)["meter_id"] for line in rows_of(state.changed(), KEY)} == {"chat.hours"}


def test_a_session_corrected_to_too_many_windows_is_taken_back_and_counted_once_corrected_again() -> None:
    meter = replace(METER, window_ms=1_000)
    by_the_second = DefinitionSet([meter])
    state, _ = count_changed(session(MIDNIGHT, MIDNIGHT + 1_500), KEY, by_the_second)
    state, refusals = count_changed(
        stated(state, Statement(None, MIDNIGHT + 31 * DAY_MS, {})), KEY, by_the_second
    )
    assert [refused.refusal.reason for refused in refusals] == [Reason.INTERVAL_OUT_OF_BOUNDS]
    assert [row["sum"] for row in map(msgspec.json.decode, rows_of(state.changed(), KEY))] == [None, None]
    state = stated(state, Statement(None, MIDNIGHT + 500, {}))
    assert needs_definitions(state)
    assert [row["sum"] for row in rows(state, meter)] == ["500", None]


def test_an_open_session_needs_no_definitions_and_has_no_rows() -> None:
    state = stated(SessionsState(), Statement(MIDNIGHT, None, {}))
    assert not needs_definitions(state)
    assert rows(state, METER) == []


def test_definitions_published_after_a_session_was_counted_do_not_recount_it_when_its_end_is_corrected() -> (
    None
):
    counted, _ = count_changed(session(MIDNIGHT, MIDNIGHT + 5), KEY, DefinitionSet([METER]))
    corrected = stated(counted, Statement(None, MIDNIGHT + 7, {}))
    assert not needs_definitions(corrected)
    (row,) = rows(corrected, METER, replace(METER, meter_version=2))
    assert (row["meter_version"], row["sum"]) == (1, "7")


def test_a_start_corrected_to_before_a_version_takes_its_rows_back() -> None:
    later = replace(METER, meter_version=2, effective_from=MIDNIGHT)
    counted, _ = count_changed(session(MIDNIGHT, MIDNIGHT + 5), KEY, DefinitionSet([METER, later]))
    corrected = stated(counted, Statement(MIDNIGHT - 2, None, {}))
    assert needs_definitions(corrected)
    found = {
        (row["meter_version"], row["window_start"] * 1000): row["sum"]
        for row in rows(corrected, METER, later)
    }
    assert found == {(1, MIDNIGHT - 3_600_000): "2", (1, MIDNIGHT): "5", (2, MIDNIGHT): None}
