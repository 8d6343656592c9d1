"""Sessions: what SET and USE said in one request holds in the next with the same session_id.

Each request has a connection of its own, and a session is what is carried from one to the next: a database
and settings. Temporary tables are not carried; they last for the request that makes them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from deploy.local.clickhouse.call import Session
from deploy.local.clickhouse.errors import QueryError

_LONGEST_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class SessionState:
    """What a session carries; an empty database is the server's default one."""

    database: str = ""
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    state: SessionState
    deadline: float
    in_use: bool


class Sessions:
    """The sessions that are alive; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def enter(self, session: Session) -> SessionState:
        """The state of the session, which is locked until `leave`.

        Raises:
            QueryError: it is in use (373), should exist and does not (372), or asks to last too long (374).
        """
        if session.timeout > _LONGEST_SECONDS:
            detail = (
                f"Session timeout '{session.timeout}' is larger than max_session_timeout: {_LONGEST_SECONDS}"
            )
            raise QueryError(374, "INVALID_SESSION_TIMEOUT", detail)
        with self._lock:
            self._forget_old()
            kept = self._kept.get(session.session_id)
            if kept is None:
                if session.must_exist:
                    raise QueryError(372, "SESSION_NOT_FOUND", f"Session {session.session_id} not found")
                kept = self._kept[session.session_id] = _Kept(SessionState(), 0.0, in_use=False)
            if kept.in_use:
                detail = f"Session {session.session_id} is locked by a concurrent client"
                raise QueryError(373, "SESSION_IS_LOCKED", detail)
            kept.in_use = True
            return kept.state

    def leave(self, session: Session, state: SessionState) -> None:
        """Unlock the session with what it carries from now on."""
        with self._lock:
            if session.close_after:
                self._kept.pop(session.session_id, None)
            else:
                deadline = self._clock() + session.timeout
                self._kept[session.session_id] = _Kept(state, deadline, in_use=False)

    def _forget_old(self) -> None:
        now = self._clock()
        for name in [name for name, kept in self._kept.items() if not kept.in_use and kept.deadline < now]:
            del self._kept[name]
