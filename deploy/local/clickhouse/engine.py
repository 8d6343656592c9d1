"""The ClickHouse engine of this process, over one data directory that is its alone.

chDB holds one data directory a process. Connections to it are cheap (0.2 ms), run in parallel and share
neither database nor settings.
"""

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, Final

import chdb

from deploy.local.clickhouse.chdb_types import EngineSession
from deploy.local.clickhouse.connection import EngineConnection, Tally
from deploy.local.clickhouse.errors import DirectoryError
from deploy.local.clickhouse.quoting import identifier, literal

_OPTION_SIGNS: Final = "?&#"


class Engine:
    """The engine; `database` is the one of requests that name none, `scratch` a directory for their files."""

    def __init__(self, path: Path, database: str) -> None:
        """Open the directory, recovering what a killed process left, and make the database.

        Raises:
            DirectoryError: another process holds the directory, or it cannot be opened.
        """
        self._path = str(path.absolute())
        if any(sign in self._path for sign in _OPTION_SIGNS):
            raise DirectoryError(
                f"{self._path}: chDB takes one of {_OPTION_SIGNS} for an option; use another path"
            )
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _hold(path)
        self.scratch = path.absolute() / "http"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        # Kept open as long as the process lives: with its last connection the engine shuts down.
        self._first = self._open()
        self.database = database
        self._give(b"CREATE DATABASE IF NOT EXISTS " + identifier(database))
        self.version = self._give(b"SELECT version()").decode().strip()

    def connect(self) -> EngineConnection:
        """A connection of its own."""
        return EngineConnection(self._open())

    def cancel(self, mark: str) -> None:
        """End the statements of connections whose setting log_comment is `mark`."""
        self._give(b"KILL QUERY WHERE Settings['log_comment'] = " + literal(mark.encode()) + b" ASYNC")

    def _give(self, sql: bytes) -> bytes:
        with self.connect() as connection:
            return b"".join(connection.whole(sql, "TabSeparated", Tally()))

    def _open(self) -> EngineSession:
        try:
            session: EngineSession = chdb.connect(self._path)
        except RuntimeError as error:
            raise DirectoryError(f"{self._path}: ClickHouse cannot open it: {error}") from error
        return session


def _hold(path: Path) -> IO[str]:
    """A lock on the directory that ends with the process, however it ends."""
    lock = (path / "server.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise DirectoryError(
            f"{path}: process {holder} serves this data directory; stop it or give another directory"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
