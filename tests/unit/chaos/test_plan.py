from collections import Counter
from dataclasses import replace

from tests.chaos.plan import MAX_REPEAT_DISTANCE, SLOTS, Kind, Plan
from tests.chaos.records import Records

PLAN = Plan(seed=7, base=1_767_225_600_000, rate=1_000, events=40_000, change=20_000)


def test_every_kind_of_event_is_published_and_most_are_plain_usage() -> None:
    kinds = Counter(PLAN.kind(n) for n in range(PLAN.events))
    assert set(kinds) == set(Kind)
    assert kinds[Kind.CALL] > 0.8 * PLAN.events


def test_any_process_makes_the_same_records_of_the_same_plan() -> None:
    one, other = Records(PLAN), Records(replace(PLAN))
    assert all(one.encode(n) == other.encode(n) for n in range(5 * SLOTS))


def test_another_seed_makes_other_records() -> None:
    other = Records(Plan(8, PLAN.base, PLAN.rate, PLAN.events, PLAN.change))
    assert [Records(PLAN).encode(n) for n in range(SLOTS)] != [other.encode(n) for n in range(SLOTS)]


def test_a_repeat_is_an_earlier_plain_event_not_far_behind() -> None:
    records = Records(PLAN)
    repeats = [n for n in range(PLAN.events) if PLAN.kind(n) is Kind.REPEAT]
    for n in repeats:
        original = PLAN.original(n)
        assert 0 <= original < n < original + MAX_REPEAT_DISTANCE
        assert PLAN.kind(original) in (Kind.CALL, Kind.LATE)
        assert records.encode(n) == records.encode(original)


def test_no_event_before_the_change_is_as_late_as_the_changed_definition() -> None:
    assert all(PLAN.timestamp(n) < PLAN.changed_from for n in range(PLAN.change))
    assert PLAN.moment(PLAN.change + 1) >= PLAN.changed_from


def test_a_session_ends_after_it_started_and_is_the_same_at_both_ends() -> None:
    starts = [n for n in range(PLAN.events) if PLAN.kind(n) is Kind.SESSION_START]
    ends = [n for n in range(PLAN.events) if PLAN.kind(n) is Kind.SESSION_END]
    assert [PLAN.session(n) for n in starts] == [PLAN.session(n) for n in ends]
    for n in ends:
        assert PLAN.session(n).start < PLAN.session(n).end == PLAN.moment(n)
