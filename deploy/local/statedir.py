"""The files of a state directory, and the claim on it that only one stack can hold."""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from deploy.errors import RunningError
from deploy.local.atomic import write_atomically

_CLAIM_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class StateDir:
    """Where a stack keeps what it has."""

    path: Path

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def lock(self) -> Path:
        return self.path / "up.lock"

    @property
    def pids(self) -> Path:
        return self.path / "pids.json"

    @property
    def ports(self) -> Path:
        return self.path / "ports.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def of(self, part: str) -> Path:
        """The directory a part runs in, made if need be."""
        directory = self.path / part
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def identity(self) -> str:
        """A random name this directory keeps: with it, parts of stacks that share one Kafka differ."""
        path = self.path / "identity"
        if not path.exists():
            write_atomically(path, uuid.uuid4().hex[:12])
        return path.read_text()


@contextmanager
def claim(state: StateDir) -> Iterator[None]:
    """Hold the state directory, which is made if need be, for this process alone.

    Raises:
        RunningError: another process holds it.
    """
    state.path.mkdir(parents=True, exist_ok=True)
    with state.lock.open("a+") as file:
        _lock(file, state)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_claimed(state: StateDir) -> bool:
    """Whether a process holds the state directory now."""
    try:
        with state.lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock(file: IO[str], state: StateDir) -> None:
    # Whoever asks whether the directory is claimed holds the lock for a moment.
    deadline = time.monotonic() + _CLAIM_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _running(state) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _running(state: StateDir) -> RunningError:
    holder = state.lock.read_text().strip() or "unknown"
    return RunningError(
        f"a stack is already up in {state.path} (process {holder}): end it, or give another --state-dir"
    )
