"""One worker as `meterstream up` runs it, that can be killed and started again under its instance id."""

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.contestants import end
from benchmarks.cores import Cores
from benchmarks.errors import ContestantEndedError
from deploy.local.part import Check
from deploy.local.parts import Surroundings, worker_part
from deploy.local.ports import choose_port, is_free
from deploy.local.process import start, tail

_IDENTITY: Final = "bench"
_LOG_LINES: Final = 60


class OneWorker:
    """A worker on the measured core while entered."""

    def __init__(self, bootstrap_servers: str, cores: Cores, directory: Path) -> None:
        port = choose_port("the worker's web server", None, None, (), is_free)
        around = Surroundings(bootstrap_servers, "", _IDENTITY, worker_web_port=port, sessions_web_port=0)
        directory.mkdir(parents=True)
        self._part = worker_part(around, directory)
        self._log = directory.with_suffix(".log")
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._running)

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it runs while entered"
        return self._process

    @property
    def pid(self) -> int:
        return self._running.pid

    def check(self) -> None:
        """Raise ContestantEndedError unless it runs."""
        if (code := self._running.poll()) is not None:
            raise ContestantEndedError(
                f"the worker ended with exit code {code}. The end of its log:\n{tail(self._log, _LOG_LINES)}"
            )

    def kill_and_start(self) -> tuple[float, Check]:
        """End it by SIGKILL and start it at once.

        Returns:
            When it was killed, epoch seconds, and a check that the new one has been given its partitions.
        """
        has_joined = self._part.watch()
        killed = time.time()
        self._running.kill()
        self._running.wait()
        self._start()
        return killed, has_joined

    def _start(self) -> None:
        self._process = start(self._part.command, self._log)
        self._cores.bind(self._process.pid)
