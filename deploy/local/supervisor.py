"""Runs parts: starts them, waits for them, starts those again that die, and ends them all."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self, TypeVar

from deploy.errors import PartError
from deploy.local.backoff import Backoff
from deploy.local.part import Check, Part
from deploy.local.process import start, tail

T = TypeVar("T")

_POLL_SECONDS: Final = 0.05
_FAILURES_BEFORE_READY: Final = 5


class StopRequestedError(Exception):
    """Whoever runs the supervisor was asked to end; not an error, and never seen outside this package."""


@dataclass(slots=True)
class _Run:
    part: Part
    stage: int
    process: "subprocess.Popen[bytes] | None" = None
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    check: Check | None = None
    ready: bool = False


@dataclass(slots=True)
class Supervisor:
    """Parts in the order they were started; `changed` gets the pids of all whenever one starts.

    As a context manager it ends every part on leaving. All its methods belong to one thread, the main one:
    the kernel ends a child when the thread that started it dies.
    """

    logs: Path
    say: Callable[[str], None]
    changed: Callable[[Mapping[str, int]], None] = lambda _pids: None
    stop_requested: Callable[[], bool] = lambda: False
    backoff: Backoff = field(default_factory=Backoff)
    # Two stages of parts, each with this long between SIGTERM and SIGKILL, are down well within 15 s.
    grace_seconds: float = 6.0
    _runs: list[_Run] = field(default_factory=list)
    _stage: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self, part: Part) -> None:
        """Start `part`; `await_ready` waits for it."""
        run = _Run(part, self._stage)
        self._runs.append(run)
        self._start(run)

    def await_ready(self, seconds: float) -> None:
        """Wait until every part is ready. What is started from here on is ended before what runs now.

        Raises:
            PartError: a part dies over and over, or is not ready after so many seconds.
            StopRequestedError: it was asked to end.
        """
        deadline = time.monotonic() + seconds
        while waiting := self._not_ready():
            if time.monotonic() >= deadline:
                raise self._failed(waiting[0].part, f"is not ready after {seconds:.0f} s")
            self._tick()
        self._stage += 1

    def perform(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in a thread of its own while the parts are looked after.

        Raises:
            StopRequestedError: it was asked to end; `work` is left behind.
        """
        done: Future[T] = Future()
        Thread(target=_resolve, args=(done, work), daemon=True).start()
        while not done.done():
            self._not_ready()
            self._tick()
        return done.result()

    def watch(self) -> None:
        """Start parts again that die, until it is asked to end."""
        while not self.stop_requested():
            self._supervise()
            time.sleep(_POLL_SECONDS)

    def pids(self) -> dict[str, int]:
        """The pid of every part by name; of one that is about to be started again, its last."""
        return {run.part.name: run.pid for run in self._runs}

    def end(self) -> None:
        """End every part, the last stage first: SIGTERM, and SIGKILL for what is still there later."""
        for stage in range(self._stage, -1, -1):
            processes = [run.process for run in self._runs if run.stage == stage and run.process]
            _end(processes[::-1], self.grace_seconds)
        self._runs.clear()

    def _tick(self) -> None:
        if self.stop_requested():
            raise StopRequestedError
        self._supervise()
        time.sleep(_POLL_SECONDS)

    def _supervise(self) -> None:
        now = time.monotonic()
        for run in self._runs:
            if run.process is not None and run.process.poll() is not None:
                self._note_death(run, run.process.returncode, now)
            if run.process is None and now >= run.due:
                self._start(run)

    def _note_death(self, run: _Run, code: int, now: float) -> None:
        ran = now - run.started
        run.failures = self.backoff.failures(run.failures, ran)
        run.due = now + self.backoff.wait(run.failures)
        run.process = None
        if not run.ready and run.failures >= _FAILURES_BEFORE_READY:
            raise self._failed(run.part, f"ended {run.failures} times before it was ready, {manner(code)}")
        self.say(f"{run.part.name} ended after {ran:.1f} s, {manner(code)}; starting it again")

    def _start(self, run: _Run) -> None:
        run.check = None if run.ready else run.part.watch()
        run.process = start(run.part.command, self._log(run.part))
        run.pid = run.process.pid
        run.started = time.monotonic()
        self.changed(self.pids())

    def _not_ready(self) -> list[_Run]:
        return [run for run in self._runs if not self._is_ready(run)]

    def _is_ready(self, run: _Run) -> bool:
        if not run.ready and run.process is not None and run.check is not None and run.check():
            run.ready = True
            run.check = None
            self.say(f"{run.part.name} is ready after {time.monotonic() - run.started:.1f} s")
        return run.ready

    def _log(self, part: Part) -> Path:
        return self.logs / f"{part.name}.log"

    def _failed(self, part: Part, how: str) -> PartError:
        log = self._log(part)
        return PartError(f"{part.name} {how}. The end of {log}:\n{tail(log)}")


def manner(code: int) -> str:
    """How a process ended, in words, from its return code."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _resolve(done: "Future[T]", work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
        done.set_exception(error)


def _end(processes: "list[subprocess.Popen[bytes]]", grace_seconds: float) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace_seconds
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
