"""Runs one contestant as a process of its own and measures it from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from confluent_kafka import Message

from benchmarks.arena import Arena
from benchmarks.errors import ContestantEndedError, NotFinishedError
from benchmarks.rounds import Round
from benchmarks.sampling import Sampler
from benchmarks.tailing import Tail
from deploy.local.process import Command, start
from deploy.local.process import tail as end_of

FAUST: Final = (sys.executable, "-m", "faust")
_GRACE_SECONDS: Final = 10.0
_LIMIT_SECONDS: Final = 240.0
_LOG_LINES: Final = 60


class Results(Protocol):
    """What a contestant wrote, as far as read; times are epoch seconds by the broker's clock."""

    rows: int
    last_time: float

    def take(self, message: Message) -> None: ...
    def is_complete(self) -> bool: ...
    def progress(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running process with its samples."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    sampler: Sampler
    broker: Sampler
    deadline: float

    @property
    def has_ended_well(self) -> bool:
        """Whether it has ended of its own accord, without an error."""
        return self.process.poll() == 0

    def check(self, progress: Callable[[], str]) -> None:
        """Raise unless it runs and has time left; `progress` says how far it came.

        Raises:
            ContestantEndedError, NotFinishedError: with the end of its log.
        """
        if self.process.poll() is not None:
            error: type[Exception] = ContestantEndedError
            fault = f"ended with exit code {self.process.returncode}"
        elif time.monotonic() > self.deadline:
            error, fault = NotFinishedError, f"did not finish within {_LIMIT_SECONDS:.0f} s"
        else:
            return
        raise error(f"{self.name} {fault}; {progress()}. The end of its log:\n{end_of(self.log, _LOG_LINES)}")

    def await_complete(self, rows: Tail, results: Results) -> None:
        """Read what it writes until that is complete."""
        while not results.is_complete():
            for message in rows.read():
                results.take(message)
            self.check(results.progress)

    def measured(self, events: int, started: float, results: Results) -> Round:
        """Its figures from a moment to the time of its last row."""
        ended = results.last_time
        return Round(
            contestant=self.name,
            events=events,
            seconds=ended - started,
            cpu_seconds=self.sampler.cpu_seconds_between(started, ended),
            broker_cpu_seconds=self.broker.cpu_seconds_between(started, ended),
            peak_mb=max(sample.resident for sample in self.sampler.samples) / 1e6,
            rows=results.rows,
            load=os.getloadavg()[0],
        )


@contextmanager
def running(name: str, command: Command, log: Path, arena: Arena) -> Iterator[Contestant]:
    """Run a contestant on the measured core for as long as the block runs."""
    process = start(command, log)
    try:
        arena.cores.bind(process.pid)
        with Sampler(process.pid) as sampler, Sampler(arena.broker_pid) as broker:
            yield Contestant(name, process, log, sampler, broker, time.monotonic() + _LIMIT_SECONDS)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and end it where it does not."""
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
