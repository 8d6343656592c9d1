"""Ends what a killed stack left running: by pid, and only if it still is the process that was started."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from deploy.local.atomic import write_atomically

_GRACE_SECONDS: Final = 5.0
# The system derives a process's start from its clock, which is corrected now and then.
_TOLERANCE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Started:
    """A process of ours: a pid may come back for another one, with the time of its start it does not."""

    pid: int
    created: float


def record(path: Path, pids: Mapping[str, int]) -> None:
    """Note in `path` what runs now."""
    started = {name: asdict(found) for name, pid in pids.items() if (found := _started(pid))}
    write_atomically(path, json.dumps(started, indent=1))


def end_leftovers(path: Path) -> list[str]:
    """End what `path` names and still runs, then forget it; returns the names of those ended."""
    found = {name: process for name, started in _read(path).items() if (process := _process(started))}
    _end(found.values())
    path.unlink(missing_ok=True)
    return list(found)


def _started(pid: int) -> Started | None:
    try:
        return Started(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _process(started: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(started.pid)
        # Where nobody collects the dead, as in a bare container, they keep their pid.
        gone = process.status() == psutil.STATUS_ZOMBIE
        created = process.create_time()
    except psutil.NoSuchProcess:
        return None
    return None if gone or abs(created - started.created) >= _TOLERANCE_SECONDS else process


def _end(processes: Iterable[psutil.Process]) -> None:
    alive = list(processes)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_GRACE_SECONDS)


def _read(path: Path) -> dict[str, Started]:
    try:
        return {name: Started(**started) for name, started in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError):
        return {}
