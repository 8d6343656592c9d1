"""Runs one contestant as a process of its own and measures it from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from confluent_kafka import Message

from benchmarks.cores import Cores
from benchmarks.errors import ContestantEndedError, NotFinishedError
from benchmarks.sampling import Sampler, cpu_seconds_at
from benchmarks.tailing import Tail
from deploy.local.process import Command, start
from deploy.local.process import tail as end_of

FAUST: Final = (sys.executable, "-m", "faust")
_GRACE_SECONDS: Final = 10.0
_LIMIT_SECONDS: Final = 300.0
_LOG_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class Round:
    """One contestant's run over its events.

    Attributes:
        seconds: From its start to the broker's time of its last row.
        cpu_seconds: Of its process in that time, all threads.
        peak_mb: Most memory resident at any time, in units of 1e6 bytes.
        load: Load average of the machine over the last minute, at the end.
    """

    contestant: str
    events: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int
    load: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6

    @property
    def cores(self) -> float:
        """Cores it had on the average: below 1 with work left to do, others took its core."""
        return self.cpu_seconds / self.seconds

    @property
    def rows_per_event(self) -> float:
        return self.rows / self.events


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
    deadline: float

    def check(self, progress: str) -> None:
        """Raise unless it runs and has time left.

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
        raise error(f"{self.name} {fault}; {progress}. The end of its log:\n{end_of(self.log, _LOG_LINES)}")

    def await_complete(self, rows: Tail, results: Results) -> None:
        """Read what it writes until that is complete."""
        while not results.is_complete():
            for message in rows.read():
                results.take(message)
            self.check(results.progress())

    def measured(self, events: int, started: float, results: Results) -> Round:
        """Its figures between two moments."""
        samples = self.sampler.samples
        used = cpu_seconds_at(samples, results.last_time) - cpu_seconds_at(samples, started)
        return Round(
            contestant=self.name,
            events=events,
            seconds=results.last_time - started,
            cpu_seconds=used,
            peak_mb=max(sample.resident for sample in samples) / 1e6,
            rows=results.rows,
            load=os.getloadavg()[0],
        )


@contextmanager
def running(name: str, command: Command, log: Path, cores: Cores) -> Iterator[Contestant]:
    """Run a contestant on the measured core for as long as the block runs."""
    process = start(command, log)
    try:
        cores.bind(process.pid)
        with Sampler(process.pid) as sampler:
            yield Contestant(name, process, log, sampler, time.monotonic() + _LIMIT_SECONDS)
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
