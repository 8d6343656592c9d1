"""The SQLite file under an outbox: one connection a process, one transaction at a time, none across a fork.

SQLite must not be carried into a forked child, not even to be closed there, and a child that opens the file
anew would share what the parent's connection noted about its locks. So the connection is closed before a fork
and opened again when next used.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from producers.errors import OutboxError, OutboxFullError
from producers.outbox.config import Resolved
from producers.outbox.ownership import alone

_BUSY_SECONDS: Final = 60.0
_VERSION: Final = 1
_WAL_BYTES: Final = 67_108_864
_CACHE_KILOBYTES: Final = 16_384
_UNBOUNDED: Final = 4_294_967_294
_SCHEMA: Final = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    state TEXT NOT NULL,
    put_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    reason TEXT,
    batch_of TEXT,
    batch INTEGER,
    key BLOB,
    document BLOB NOT NULL
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (job_id);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TABLE batches (batch_of TEXT PRIMARY KEY, number INTEGER NOT NULL);
"""


class Database:
    """Opens the file when it is first needed; all calls may come from any thread."""

    def __init__(self, config: Resolved) -> None:
        self._config = config
        self._connection: sqlite3.Connection | None = None
        self.lock = threading.Lock()
        """Held by whoever uses the connection."""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change jobs, all or nothing, whoever holds `lock` already.

        Of what is changed so a power cut may take the last back: a job is then sent once more, with its id.

        Raises:
            OutboxError: nothing was changed.
        """
        with self._errors():
            connection = self._opened()
            connection.execute("PRAGMA synchronous = NORMAL")
            with _transaction(connection):
                yield connection

    @contextmanager
    def lasting(self) -> Iterator[sqlite3.Connection]:
        """As `transaction`, and on disk when it ends; raises OutboxError: nothing was changed."""
        with self._errors():
            connection = self._opened()
            connection.execute("PRAGMA synchronous = FULL")
            with _transaction(connection):
                yield connection

    @contextmanager
    def insertion(self) -> Iterator[sqlite3.Connection]:
        """Add jobs, as `transaction`: what it added is on disk when it ends, within the outbox's bound.

        Raises:
            OutboxError, OutboxFullError: nothing was added.
        """
        with self._errors():
            connection = self._opened()
            connection.execute(f"PRAGMA synchronous = {self._config.synchronous}")
            if self._config.max_bytes is None:
                with _transaction(connection):
                    yield connection
                return
            connection.execute(f"PRAGMA max_page_count = {self._max_pages(connection)}")
            try:
                with _transaction(connection):
                    yield connection
            finally:
                # Taking and completing jobs may need a page, and must not be what a full outbox stops.
                connection.execute(f"PRAGMA max_page_count = {_UNBOUNDED}")

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """Read; raises OutboxError."""
        with self.lock, self._errors():
            return self._opened().execute(query, parameters).fetchall()

    def close(self) -> None:
        """Close the connection, whoever holds `lock` already; the next call opens it again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):  # what is committed stays committed
                connection.close()

    def _max_pages(self, connection: sqlite3.Connection) -> int:
        [page_size] = connection.execute("PRAGMA page_size").fetchone()
        return max(1, (self._config.max_bytes or 0) // int(page_size))

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self._config.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with alone(path):
                self._connection = _open(path)
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _worded(self._config.path, error) from error
        except OSError as error:
            raise OutboxError(
                f"{self._config.path} cannot be used: {error.strerror or error}: give "
                f"METERSTREAM_OUTBOX_PATH a file on a local disk that this process may write"
            ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
        _prepare(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise OutboxError(f"{path} was written by a newer release (form {version}): upgrade this one")
    if version == _VERSION:
        return
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise OutboxError(f"{path} is another program's database: give the outbox a file of its own")
    with _transaction(connection):
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _worded(path: Path, error: sqlite3.Error) -> OutboxError:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return OutboxFullError(
            f"{path} takes no more jobs: the disk is full, or METERSTREAM_OUTBOX_MAX_BYTES is reached: "
            f"find out why it is not drained"
        )
    if name.startswith("SQLITE_BUSY"):
        return OutboxError(f"{path} was held by another process for {_BUSY_SECONDS:g} s: find out which")
    if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        return OutboxError(f"{path} is no outbox, or a damaged one ({error}): move it away and look into it")
    return OutboxError(f"{path}: {error}")
