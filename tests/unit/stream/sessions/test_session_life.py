"""When sessions expire and are forgotten: functions of the state and a clock that is given."""

from typing import Final

import pytest

from stream.core.lifetimes import Lifetimes
from stream.core.session_life import expire, expires_at, forgotten_at, remember
from stream.core.session_state import SessionsState
from stream.core.sessions import Arrival, apply
from stream.core.switches import Statement
from stream.core.timestamps import DAY_MS

T: Final = 1_700_000_000_000
HOUR: Final = 3_600_000
LIFETIMES: Final = Lifetimes(limit=DAY_MS, kept=7 * DAY_MS)


def stated(*boundaries: tuple[int | None, int | None], identified: bool = True) -> SessionsState:
    """Return the state after boundaries of (start, end), each appended at its latest moment."""
    state = SessionsState()
    for offset, (start, end) in enumerate(boundaries):
        statement = Statement(start, end, {})
        arrival = Arrival("topic/0", offset, statement, statement.latest)
        state, refusal = apply(state, arrival, identified=identified, lifetimes=LIFETIMES)
        assert refusal is None
    return state


def flags(state: SessionsState) -> list[bool]:
    return [entry.expired for entry in state.entries]


@pytest.mark.parametrize("boundary", [(T, None), (None, T)])
def test_an_open_session_and_an_end_that_waits_expire_at_their_limit(
    boundary: tuple[int | None, int | None],
) -> None:
    state = stated(boundary)
    assert expires_at(state, LIFETIMES) == T + DAY_MS
    assert expire(state, T + DAY_MS - 1, LIFETIMES) is state
    expired = expire(state, T + DAY_MS, LIFETIMES)
    assert flags(expired) == [True]
    assert expired.version == state.version + 1
    assert expires_at(expired, LIFETIMES) is None
    assert expire(expired, T + 9 * DAY_MS, LIFETIMES) is expired


def test_a_completed_session_does_not_expire() -> None:
    state = stated((T, T + 1))
    assert expires_at(state, LIFETIMES) is None
    assert expire(state, T + 9 * DAY_MS, LIFETIMES) is state


def test_a_late_end_makes_an_expired_session_complete_with_a_higher_version() -> None:
    expired = expire(stated((T, None)), T + DAY_MS, LIFETIMES)
    late = Arrival("topic/0", 1, Statement(None, T + HOUR, {}), T)
    state, _ = apply(expired, late, identified=True, lifetimes=LIFETIMES)
    assert flags(state) == [False]
    assert state.entries[0].is_complete
    assert state.version > expired.version


def test_an_expiry_by_who_did_not_know_of_a_boundary_is_older_than_what_the_boundary_made() -> None:
    opened = stated((T, None))
    same_moment = Arrival("topic/0", 1, Statement(None, T + HOUR, {}), T)
    completed, _ = apply(opened, same_moment, identified=True, lifetimes=LIFETIMES)
    assert expire(opened, T + DAY_MS, LIFETIMES).version < completed.version


def test_an_earlier_start_of_an_expired_session_leaves_it_expired() -> None:
    expired = expire(stated((T, None)), T + DAY_MS, LIFETIMES)
    earlier = Arrival("topic/0", 1, Statement(T - 1, None, {}), T + DAY_MS)
    state, _ = apply(expired, earlier, identified=True, lifetimes=LIFETIMES)
    assert [(entry.start, entry.expired) for entry in state.entries] == [(T - 1, True)]


def test_of_a_switch_only_what_is_open_expires() -> None:
    state = stated((T, None), (None, T + HOUR), (T + 2 * HOUR, None), identified=False)
    assert flags(expire(state, T + DAY_MS + 2 * HOUR, LIFETIMES)) == [False, True]


def test_a_start_after_the_limit_begins_another_session_of_a_switch_whatever_the_order() -> None:
    boundaries = [(T, None), (T + DAY_MS + 1, None), (None, T + DAY_MS + HOUR)]
    for order in (boundaries, boundaries[::-1], [boundaries[1], boundaries[0], boundaries[2]]):
        state = stated(*order, identified=False)
        spans = [(entry.start, entry.end) for entry in state.entries]
        assert spans == [(T, None), (T + DAY_MS + 1, T + DAY_MS + HOUR)]


def test_a_start_within_the_limit_changes_nothing_of_a_switch_that_is_on() -> None:
    state = stated((T, None), (T + DAY_MS, None), (None, T + DAY_MS + HOUR), identified=False)
    assert [(entry.start, entry.end) for entry in state.entries] == [(T, T + DAY_MS + HOUR)]


def test_a_completed_session_is_forgotten_a_week_after_its_last_boundary() -> None:
    state = stated((T, None), (None, T + HOUR))
    moment = T + HOUR + 7 * DAY_MS
    assert forgotten_at(state, LIFETIMES) == moment
    assert remember(state, moment - 1, LIFETIMES, identified=True) is state
    assert remember(state, moment, LIFETIMES, identified=True) == SessionsState()


def test_a_session_without_its_end_is_kept_as_long_as_a_late_end_could_complete_it() -> None:
    assert forgotten_at(stated((T, None)), LIFETIMES) == T + (31 + 7) * DAY_MS


def test_of_a_switch_its_number_and_its_horizon_are_kept() -> None:
    state = stated((T, None), (None, T + HOUR), identified=False)
    left = remember(state, T + 8 * DAY_MS, LIFETIMES, identified=False)
    assert (left.entries, left.statements) == ((), ())
    assert (left.last_sequence, left.horizon, left.applied) == (1, T + HOUR, state.applied)
    assert forgotten_at(left, LIFETIMES) is None


def test_a_boundary_a_week_later_finds_nothing_whether_or_not_it_was_deleted_yet() -> None:
    state = stated((T, None), (None, T + HOUR))
    week_later = Arrival("topic/0", 9, Statement(T, None, {}), T + 8 * DAY_MS)
    kept, _ = apply(state, week_later, identified=True, lifetimes=LIFETIMES)
    deleted, _ = apply(SessionsState(), week_later, identified=True, lifetimes=LIFETIMES)
    assert kept == deleted
