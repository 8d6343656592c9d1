"""A connection for each request, set as its URL, its method and its session say."""

import json
import time

from deploy.local.clickhouse.call import Call
from deploy.local.clickhouse.connection import EngineConnection, Tally
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.sessions import Sessions, SessionState

_CARRYING: tuple[bytes, ...] = (b"SET", b"USE")
_NOT_CARRIED = frozenset(("database", "implicit_select", "log_comment"))


class Lease:
    """A connection and the session it was lent in."""

    def __init__(self, connection: EngineConnection, state: SessionState) -> None:
        self.connection = connection
        self.state = state

    def carry(self, keyword: bytes, call: Call) -> None:
        """Note what a statement that begins with `keyword` changed for the session's next requests."""
        if call.session is None or keyword not in _CARRYING:
            return
        database = _ask(self.connection, b"SELECT currentDatabase()") if keyword == b"USE" else None
        changed = _ask(self.connection, b"SELECT name, value FROM system.settings WHERE changed")
        temporary = _NOT_CARRIED | call.settings.keys()
        self.state = SessionState(
            database[0][0] if database else self.state.database,
            {name: value for name, value in changed if name not in temporary},
        )


class Lender:
    """Lends connections; a session's requests come one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(time.monotonic)

    def lend(self, call: Call) -> Lease:
        """A connection for the call.

        Raises:
            QueryError: its session, its database or a setting cannot be had.
        """
        state = SessionState() if call.session is None else self._sessions.enter(call.session)
        connection = self._engine.connect()
        lease = Lease(connection, state)
        try:
            connection.use(call.database or state.database or self._engine.database)
            connection.set(_settings(call, state))
            connection.bind(call.parameters)
        except BaseException:
            self.take_back(lease, call)
            raise
        return lease

    def take_back(self, lease: Lease, call: Call) -> None:
        """Close the connection and unlock the session."""
        try:
            lease.connection.close()
        finally:
            if call.session is not None:
                self._sessions.leave(call.session, lease.state)


def _settings(call: Call, state: SessionState) -> dict[str, str]:
    # The comment marks the query, so that it can be found and ended.
    settings = {"log_comment": call.query_id, **state.settings, **call.settings}
    read_only = settings.pop("readonly", "0")
    # Last, for behind it no other setting might be set.
    settings["readonly"] = "2" if call.is_read_only and read_only == "0" else read_only
    return settings


def _ask(connection: EngineConnection, sql: bytes) -> list[list[str]]:
    lines = b"".join(connection.whole(sql, "JSONCompactEachRow", Tally())).splitlines()
    return [json.loads(line) for line in lines]
