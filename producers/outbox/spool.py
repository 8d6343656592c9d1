"""The jobs of one outbox and their way through its states; one Spool a file and process."""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from producers.errors import OutboxError
from producers.outbox.config import Resolved
from producers.outbox.database import Database
from producers.outbox.jobs import Counts, FailedJob, Job
from producers.outbox.ownership import Ownership

_TOGETHER: Final = 1_000
_COLUMNS: Final = "job_id, document, put_ms, attempts, key"
_INSERT: Final = (
    "INSERT INTO jobs (job_id, document, put_ms, key, state) VALUES (?, ?, ?, ?, 'todo') "
    "ON CONFLICT (job_id) DO NOTHING"
)


class Spool:
    """What Queues do, on the file itself; every method raises OutboxError where the file cannot be used."""

    def __init__(self, config: Resolved) -> None:
        self.config = config
        self._database = Database(config)
        self._ownership = Ownership(config.path)
        self._additions: deque[_Addition] = deque()
        self._arrived = threading.Condition()

    def add(self, jobs: Sequence[Job]) -> None:
        """Store new jobs as todo; one whose id stands already changes nothing.

        Threads that add at the same time share a transaction, and with it one wait for the disk: whoever
        comes first writes what the others have queued meanwhile.
        """
        addition = _Addition(jobs)
        self._additions.append(addition)
        try:
            with self._database.lock:
                while not addition.is_settled:
                    self._write_additions()
        except BaseException:  # an interrupt: nobody may add later what the caller believes was not added
            with suppress(ValueError):
                self._additions.remove(addition)
            raise
        if addition.error is not None:
            raise type(addition.error)(str(addition.error)) from addition.error
        with self._arrived:
            self._arrived.notify_all()

    def take(self, limit: int) -> list[Job]:
        """Move the oldest jobs from todo to doing, as this process's, and give them back."""
        if not self._database.rows("SELECT 1 FROM jobs WHERE state = 'todo' LIMIT 1"):
            return []  # so that waiting for jobs writes nothing
        with self._database.lock, self._database.transaction() as connection:
            return _take(connection, limit, self._ownership.owner)

    def take_batch(self, batch_of: str, limit: int) -> tuple[int, list[Job]]:
        """`take` jobs under the next number of somebody's batches; that they are is on disk afterwards."""
        if not self._database.rows("SELECT 1 FROM jobs WHERE state = 'todo' LIMIT 1"):
            return 0, []
        with self._database.lock, self._database.lasting() as connection:
            connection.execute(_COUNT_UP, (batch_of, 1))
            [number] = connection.execute(
                "SELECT number FROM batches WHERE batch_of = ?", (batch_of,)
            ).fetchone()
            return number, _take(connection, limit, self._ownership.owner, batch_of, number)

    def settle_batches(self, batch_of: str, stored: int) -> int:
        """Forget the jobs of somebody's batches up to a number, and move those of later ones back to todo.

        Gives back how many were forgotten.
        """
        with self._database.lock, self._database.lasting() as connection:
            forgotten = connection.execute(
                "DELETE FROM jobs WHERE state = 'doing' AND batch_of = ? AND batch <= ?", (batch_of, stored)
            ).rowcount
            connection.execute(
                "UPDATE jobs SET state = 'todo', owner = NULL, batch_of = NULL "
                "WHERE state = 'doing' AND batch_of = ?",
                (batch_of,),
            )
            connection.execute(_AT_LEAST, (batch_of, stored))
            return forgotten

    def remove(self, job_ids: Iterable[str]) -> None:
        """Forget jobs that are done."""
        self._change("DELETE FROM jobs WHERE job_id = ? AND state = 'doing'", [(each,) for each in job_ids])

    def fail(self, reasons: Iterable[tuple[str, str]]) -> None:
        """Move jobs (id, reason) from doing to failed."""
        self._change(
            "UPDATE jobs SET state = 'failed', owner = NULL, batch_of = NULL, reason = ? "
            "WHERE job_id = ? AND state = 'doing'",
            [(reason, job_id) for job_id, reason in reasons],
        )

    def give_back(self, job_ids: Iterable[str]) -> None:
        """Move jobs from doing to todo, where they have their old place."""
        self._change(
            "UPDATE jobs SET state = 'todo', owner = NULL, batch_of = NULL "
            "WHERE job_id = ? AND state = 'doing'",
            [(each,) for each in job_ids],
        )

    def recover(self) -> int:
        """Move what dead processes were doing back to todo; gives back how many jobs that are.

        But for batches: Kafka knows whether those were stored, and `settle_batches` hears of it.
        """
        owners = [owner for (owner,) in self._database.rows(_OWNERS)]
        dead = [owner for owner in owners if self._ownership.is_dead(owner)]
        if not dead:
            return 0
        recovered = self._change(
            "UPDATE jobs SET state = 'todo', owner = NULL "
            "WHERE state = 'doing' AND owner = ? AND batch_of IS NULL",
            [(owner,) for owner in dead],
        )
        for owner in dead:
            self._ownership.bury(owner)
        return recovered

    def retry_failed(self, job_ids: Sequence[str] | None) -> int:
        """Move failed jobs (None: all) back to todo; gives back how many."""
        change = "UPDATE jobs SET state = 'todo', reason = NULL WHERE state = 'failed'"
        return self._change(*_among(change, job_ids))

    def discard_failed(self, job_ids: Sequence[str] | None) -> int:
        """Delete failed jobs (None: all); gives back how many."""
        return self._change(*_among("DELETE FROM jobs WHERE state = 'failed'", job_ids))

    def counts(self) -> Counts:
        return Counts(**dict(self._database.rows("SELECT state, count(*) FROM jobs GROUP BY state")))

    def failed(self, limit: int) -> list[FailedJob]:
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, reason FROM jobs WHERE state = 'failed' ORDER BY seq LIMIT ?",  # noqa: S608
            limit,
        )
        return [FailedJob(Job(*columns), reason or "") for *columns, reason in rows]

    def oldest_put_ms(self) -> int | None:
        """When the oldest job that still waits was put."""
        rows = self._database.rows("SELECT put_ms FROM jobs WHERE state = 'todo' ORDER BY seq LIMIT 1")
        return rows[0][0] if rows else None

    def await_arrival(self, timeout: float) -> None:
        """Wait until this process adds a job, at most so many seconds: of other processes nobody tells."""
        with self._arrived:
            self._arrived.wait(timeout)

    def wake(self) -> None:
        """Let whoever waits for a job look up."""
        with self._arrived:
            self._arrived.notify_all()

    def close(self) -> None:
        """Let go of the file; the next call opens it again. Jobs still being done are anybody's then."""
        with self._database.lock:
            self._ownership.resign()
            self._database.close()

    def before_fork(self) -> ExitStack:
        """Have no connection and no transaction until the stack that is given back is closed."""
        holding = ExitStack()
        holding.enter_context(self._database.lock)
        self._database.close()
        return holding

    def after_fork_in_child(self) -> None:
        """Leave to the parent what is the parent's."""
        self._ownership.forget()
        self._additions.clear()
        self._arrived = threading.Condition()

    def _change(self, statement: str, parameters: Sequence[tuple[str, ...]]) -> int:
        with self._database.lock, self._database.transaction() as connection:
            return connection.executemany(statement, parameters).rowcount

    def _write_additions(self) -> None:
        additions = [self._additions.popleft() for _ in range(min(len(self._additions), _TOGETHER))]
        error: OutboxError | None = OutboxError("the outbox was interrupted: put the job again")
        try:
            with self._database.insertion() as connection:
                for addition in additions:
                    connection.executemany(_INSERT, addition.rows)
            error = None
        except OutboxError as raised:
            error = raised
        finally:
            for addition in additions:
                addition.settle(error)


class _Addition:
    """What one call adds, and what became of it; settled by whichever thread wrote it."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.rows = [(job.job_id, job.document, job.put_ms, job.key) for job in jobs]
        self.is_settled = False
        self.error: OutboxError | None = None

    def settle(self, error: OutboxError | None) -> None:
        self.error = error
        self.is_settled = True


_OWNERS: Final = (
    "SELECT DISTINCT owner FROM jobs WHERE state = 'doing' AND owner IS NOT NULL AND batch_of IS NULL"
)


_COUNT_UP: Final = (
    "INSERT INTO batches (batch_of, number) VALUES (?, ?) "
    "ON CONFLICT (batch_of) DO UPDATE SET number = number + 1"
)
_AT_LEAST: Final = (
    "INSERT INTO batches (batch_of, number) VALUES (?, ?) "
    "ON CONFLICT (batch_of) DO UPDATE SET number = max(number, excluded.number)"
)


def _take(
    connection: sqlite3.Connection,
    limit: int,
    owner: str,
    batch_of: str | None = None,
    batch: int | None = None,
) -> list[Job]:
    rows = connection.execute(
        f"SELECT {_COLUMNS}, seq FROM jobs WHERE state = 'todo' ORDER BY seq LIMIT ?",  # noqa: S608
        (limit,),
    ).fetchall()
    if rows:
        connection.execute(
            "UPDATE jobs SET state = 'doing', owner = ?, batch_of = ?, batch = ?, attempts = attempts + 1 "
            "WHERE state = 'todo' AND seq <= ?",
            (owner, batch_of, batch, rows[-1][-1]),
        )
    return [
        Job(job_id, document, put_ms, attempts + 1, key)
        for job_id, document, put_ms, attempts, key, _ in rows
    ]


def _among(change: str, job_ids: Sequence[str] | None) -> tuple[str, list[tuple[str, ...]]]:
    if job_ids is None:
        return change, [()]
    return f"{change} AND job_id = ?", [(each,) for each in job_ids]


_spools: dict[Path, Spool] = {}
_spools_lock = threading.Lock()
_held = ExitStack()


def spool_of(config: Resolved) -> Spool:
    """The one Spool of a file in this process; the configuration it was first given stays."""
    with _spools_lock:
        path = config.path.resolve()
        if path not in _spools:
            _spools[path] = Spool(config)
        return _spools[path]


def _before_fork() -> None:
    _held.enter_context(_spools_lock)
    for spool in _spools.values():
        _held.enter_context(spool.before_fork())


def _after_fork_in_parent() -> None:
    _held.close()


def _after_fork_in_child() -> None:
    for spool in _spools.values():
        spool.after_fork_in_child()
    _held.close()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
