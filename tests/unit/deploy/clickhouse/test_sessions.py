from dataclasses import dataclass, replace

import pytest

from deploy.local.clickhouse.call import Session
from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.sessions import Sessions, SessionState

_SESSION = Session("s", timeout=60, must_exist=False, close_after=False)
_STATE = SessionState("db", {"max_threads": "1"})


@dataclass
class _Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_carries_its_state_to_the_next_request() -> None:
    sessions = Sessions(_Clock())
    assert sessions.enter(_SESSION) == SessionState()
    sessions.leave(_SESSION, _STATE)
    assert sessions.enter(_SESSION) == _STATE


def test_a_session_is_locked_while_it_is_used() -> None:
    sessions = Sessions(_Clock())
    sessions.enter(_SESSION)
    with pytest.raises(QueryError, match="SESSION_IS_LOCKED"):
        sessions.enter(_SESSION)
    assert sessions.enter(replace(_SESSION, session_id="other")) == SessionState()


def test_a_session_is_forgotten_after_its_timeout() -> None:
    clock = _Clock()
    sessions = Sessions(clock)
    sessions.enter(_SESSION)
    clock.now = 1000.0
    sessions.leave(_SESSION, _STATE)
    clock.now = 1059.0
    assert sessions.enter(_SESSION) == _STATE
    sessions.leave(_SESSION, _STATE)
    clock.now = 1120.0
    assert sessions.enter(_SESSION) == SessionState()


def test_a_session_that_must_exist_and_does_not_is_an_error() -> None:
    with pytest.raises(QueryError, match="SESSION_NOT_FOUND"):
        Sessions(_Clock()).enter(replace(_SESSION, must_exist=True))


def test_a_session_cannot_last_for_ever() -> None:
    with pytest.raises(QueryError, match="INVALID_SESSION_TIMEOUT"):
        Sessions(_Clock()).enter(replace(_SESSION, timeout=3601))


def test_a_session_ends_when_its_client_closes_it() -> None:
    sessions = Sessions(_Clock())
    sessions.enter(_SESSION)
    sessions.leave(replace(_SESSION, close_after=True), _STATE)
    assert sessions.enter(_SESSION) == SessionState()
