"""Measures a peer: a program that is given a task, touches files to tell how far it is, and writes rows."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from confluent_kafka import Message

from benchmarks.arena import Arena
from benchmarks.cell_log import CellLog, Combine, newest
from benchmarks.contestants import running
from benchmarks.environments import PEERS
from benchmarks.errors import ContestantEndedError
from benchmarks.publishing import PREFIX_TOPIC, Published, make_topic
from benchmarks.rounds import Round
from benchmarks.tailing import tail
from benchmarks.truth import Cell, Truth
from benchmarks.workload import lateness_seconds
from deploy.local.process import Command
from schemas import USAGE_EVENTS

_QUIET_SECONDS: Final = 2.0
_GIVEN_UP_SECONDS: Final = 20.0


class Reads(Enum):
    """Which events a peer is given."""

    ALL = "all"
    FIRST = "the first, for whoever is slow"


@dataclass(frozen=True, slots=True)
class Peer:
    """A contestant that is not ours.

    Attributes:
        command: Gives what runs it, and makes what that needs; may take minutes the first time.
        combine: Whether its rows are totals or increments.
        only_reads: It counts nothing, and says in one row how much it has read.
    """

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    combine: Combine = newest
    reads: Reads = Reads.ALL
    only_reads: bool = False

    def prepare(self) -> None:
        """Make what it needs.

        Raises:
            BenchmarkError: it could not be made.
        """
        self.command()

    def measure(self, published: Published, arena: Arena) -> Round:
        """Run it once, as a consumer group of its own, and compare what it counted.

        Raises:
            BenchmarkError: it gave no figures.
        """
        group = f"bench-peer-{secrets.token_hex(4)}"
        directory = arena.directory / group
        directory.mkdir(parents=True)
        truth, topic = self._share(published)
        results = CellLog(self._expected(truth), self.combine)
        output = f"{group}-rows"
        make_topic(arena.bootstrap_servers, output)
        lateness = lateness_seconds(published.whole.events)
        command = self._command(arena, topic, output, group, truth.events, lateness)
        with (
            tail(arena.bootstrap_servers, output) as rows,
            running(self.name, command, directory.with_suffix(".log"), arena) as contestant,
        ):
            await_settled(contestant, rows, results)
            # Rows in tables of its own were there before they were copied out.
            results.last_time = touched(directory / "grown") or results.last_time
            started = touched(directory / "started")
            if started is None or results.last_time <= started:
                raise ContestantEndedError(f"{self.name} wrote no row after it had its first event")
            measured = contestant.measured(truth.events, started, results)
        all_read = touched(directory / "all-read")
        return replace(
            measured,
            emit_seconds=None if all_read is None else max(0.0, results.last_time - all_read),
            fault=results.fault(),
        )

    def _share(self, published: Published) -> tuple[Truth, str]:
        if self.reads is Reads.FIRST:
            return published.prefix, PREFIX_TOPIC
        return published.whole, USAGE_EVENTS

    def _expected(self, truth: Truth) -> Mapping[Cell, int]:
        # No peer knows of duplicates.
        return {Cell("read", "", "", 0): truth.events} if self.only_reads else truth.repeated

    def _command(
        self, arena: Arena, topic: str, output: str, group: str, events: int, lateness: int
    ) -> Command:
        given = {
            "BENCH_BOOTSTRAP_SERVERS": arena.bootstrap_servers,
            "BENCH_INPUT": topic,
            "BENCH_OUTPUT": output,
            "BENCH_GROUP": group,
            "BENCH_EVENTS": str(events),
            "BENCH_LATENESS_SECONDS": str(lateness),
            "BENCH_DIRECTORY": str(arena.directory / group),
            "PYTHONPATH": str(PEERS),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return Command(self.command(), {**given, **self.environment}, arena.directory / group)


class Running(Protocol):
    """What is asked of a running contestant."""

    @property
    def has_ended_well(self) -> bool: ...
    def check(self, progress: Callable[[], str]) -> None: ...


class Written(Protocol):
    """What it has written since it was last asked for."""

    def read(self) -> list[Message]: ...


def await_settled(
    contestant: Running, rows: Written, results: CellLog, clock: Callable[[], float] = time.monotonic
) -> None:
    """Read rows until they are complete, or none has come for so long that none will.

    Raises:
        ContestantEndedError, NotFinishedError: with the end of its log.
    """
    last = clock()
    while True:
        messages = rows.read()
        for message in messages:
            results.take(message)
        now = clock()
        if messages:
            last = now
        elif results.rows and now - last > _QUIET_SECONDS and _is_over(contestant, results, now - last):
            return
        elif not contestant.has_ended_well or not results.rows:
            contestant.check(results.progress)


def _is_over(contestant: Running, results: CellLog, quiet: float) -> bool:
    return results.is_complete() or contestant.has_ended_well or quiet > _GIVEN_UP_SECONDS


def touched(path: Path) -> float | None:
    """When a file was last written, epoch seconds; None where there is none."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
