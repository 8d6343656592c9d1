"""The demo's arithmetic: what it publishes, what must come of it, and how a difference is said."""

from decimal import Decimal

import pytest

from cli.demo.checking import counted, differences, totals
from cli.demo.scenario import (
    CHAT_HOURS,
    PAGES,
    QUERY_SECONDS,
    ChatSession,
    Counted,
    Scenario,
    Use,
    Window,
    expected,
    expected_rules,
    scenario,
)
from cli.demo.waiting import await_without_faults
from cli.errors import DemoError

HOUR_MS = 3_600_000
NOW_MS = 1_700_158_546_680


def test_uses_add_up_exactly_in_the_minute_they_fall_into() -> None:
    uses = [Use("t", PAGES, Decimal("0.1"), moment) for moment in (0, 59_999, 1, 60_000)]
    assert expected(Scenario("r", tuple(uses), ())) == {
        Window("t", PAGES, 0): Counted(Decimal("0.3"), 3),
        Window("t", PAGES, 60): Counted(Decimal("0.1"), 1),
    }


def test_a_session_is_split_over_hours_and_counts_once_in_its_first() -> None:
    session = ChatSession("t", CHAT_HOURS, "s", HOUR_MS - 1, 2 * HOUR_MS, (("start", "end"),))
    assert expected(Scenario("r", (), (session,))) == {
        Window("t", CHAT_HOURS, 0): Counted(Decimal(1), 1),
        Window("t", CHAT_HOURS, 3_600): Counted(Decimal(HOUR_MS), 0),
    }


def test_a_run_publishes_both_kinds_of_meters_in_the_past_under_tenants_of_its_own() -> None:
    planned = scenario("run-1", NOW_MS)
    assert {PAGES, CHAT_HOURS, QUERY_SECONDS} <= {window.meter_id for window in expected(planned)}
    assert all(each.tenant_id.startswith("run-1-") for each in (*planned.uses, *planned.sessions))
    assert max(use.timestamp for use in planned.uses) < NOW_MS
    assert max(session.end_time for session in planned.sessions) < NOW_MS
    assert sum(expected_rules(planned).values()) == 12


def test_sessions_come_with_start_first_with_end_first_and_in_one_call() -> None:
    orders = {session.boundaries for session in scenario("r", NOW_MS).sessions}
    assert orders == {(("start",), ("end",)), (("end",), ("start",)), (("start", "end"),)}


def test_rows_that_equal_what_was_published_have_no_differences() -> None:
    row = {
        "tenant_id": "t",
        "meter_id": PAGES,
        "window_start": "1970-01-01 00:01:00",
        "sum": "0.3",
        "event_count": 3,
    }
    assert differences({Window("t", PAGES, 60): Counted(Decimal("0.30"), 3)}, counted([row])) == []


def test_every_window_that_differs_is_named_with_both_figures() -> None:
    published = {
        Window("t", PAGES, 0): Counted(Decimal(3), 3),
        Window("t", PAGES, 60): Counted(Decimal(1), 1),
    }
    found = {Window("t", PAGES, 60): Counted(Decimal(2), 2), Window("t", PAGES, 120): Counted(Decimal(5), 1)}
    assert differences(published, found) == [
        f"{PAGES} of t at 00:00 UTC: published 3 in 3 events, counted nothing",
        f"{PAGES} of t at 00:01 UTC: published 1 in 1 events, counted 2 in 2 events",
        f"{PAGES} of t at 00:02 UTC: published nothing, counted 5 in 1 events",
    ]


def test_totals_add_the_windows_of_a_meter() -> None:
    windows = {Window("t", "m", 0): Counted(Decimal(1), 1), Window("u", "m", 60): Counted(Decimal("0.5"), 2)}
    assert totals(windows) == {"m": Counted(Decimal("1.5"), 3)}


def test_it_waits_until_nothing_is_missing() -> None:
    answers = iter([[], [{"events": 1}]])
    rows = await_without_faults(lambda: next(answers), lambda rows: [] if rows else ["nothing"], "not there")
    assert rows == [{"events": 1}]


def test_what_is_still_missing_in_the_end_is_named() -> None:
    with pytest.raises(
        DemoError, match=r"(?s)it is not there after 0 s:\n  page 1\n.*  … and 2 more"
    ) as failed:
        await_without_faults(
            list, lambda _: [f"page {number}" for number in range(1, 13)], "it is not there", seconds=0
        )
    assert "page 10" in str(failed.value)
