"""The table of one partition: what its changelog says, and what is due when."""

from stream.core.lifetimes import Lifetimes
from stream.core.session_state import SessionsState, encode_state
from stream.core.sessions import Arrival, apply
from stream.core.switches import Statement
from stream.sessions.schedule import Schedule
from stream.sessions.table import SessionTable

T = 1_700_000_000_000
LIFETIMES = Lifetimes(limit=1_000, kept=10_000)


def states(*boundaries: Statement) -> list[SessionsState]:
    state, found = SessionsState(), []
    for offset, statement in enumerate(boundaries):
        state, _ = apply(state, Arrival("t/0", offset, statement, T), identified=True, lifetimes=LIFETIMES)
        found.append(state)
    return found


OPENED, COMPLETED = states(Statement(T, None, {}), Statement(None, T + 500, {}))


def test_an_older_state_written_late_is_passed_over() -> None:
    table = SessionTable(LIFETIMES)
    for state in (OPENED, COMPLETED, OPENED):
        table.restore(b"k", encode_state(state), 0)
    assert table.get(b"k") == COMPLETED


def test_a_deletion_deletes_what_it_is_of_and_nothing_newer() -> None:
    table = SessionTable(LIFETIMES)
    table.restore(b"k", encode_state(COMPLETED), 0)
    table.restore(b"k", None, OPENED.version)
    assert table.get(b"k") == COMPLETED
    table.restore(b"k", None, COMPLETED.version)
    assert table.get(b"k") == SessionsState()
    assert len(table) == 0


def test_a_restored_session_expires_and_is_forgotten_like_any_other() -> None:
    table = SessionTable(LIFETIMES)
    table.restore(b"open", encode_state(OPENED), 0)
    table.restore(b"done", encode_state(COMPLETED), 0)
    assert list(table.expiring(T + 999, 10)) == []
    assert table.expiring(T + 1_000, 10) == [(b"open", OPENED)]
    assert table.forgetting(T + 9_999, 10) == []
    assert table.forgetting(T + 10_000, 10) == [(b"done", COMPLETED)]


def test_a_session_that_has_ended_does_not_come_up_as_open() -> None:
    table = SessionTable(LIFETIMES)
    table.put(b"k", OPENED)
    table.put(b"k", SessionsState())
    assert table.expiring(T + 1_000, 10) == []


def test_what_is_due_comes_up_once_and_not_before_its_time() -> None:
    schedule = Schedule(10)
    for key, moment in ((b"late", 21), (b"early", 5), (b"edge", 10)):
        schedule.add(key, moment)
    assert list(schedule.due(9)) == []
    assert sorted(schedule.due(10)) == [b"early", b"edge"]
    assert list(schedule.due(29)) == []
    assert list(schedule.due(30)) == [b"late"]


def test_what_is_due_and_not_taken_comes_up_again() -> None:
    schedule = Schedule(10)
    for key in (b"a", b"b", b"c"):
        schedule.add(key, 1)
    first = next(schedule.due(10))
    assert sorted([first, *schedule.due(10)]) == [b"a", b"b", b"c"]
