"""The stack the demo runs on: one that is up already, or a child of its own that ends with it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.errors import DemoError
from deploy.errors import NotRunningError
from deploy.local.endpoints import Endpoints
from deploy.local.process import Command, start, tail

_UP_SECONDS: Final = 240.0
_END_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.1


@contextmanager
def running_stack(state_dir: Path, say: Callable[[str], None]) -> Iterator[Endpoints]:
    """The endpoints of the stack in `state_dir`; one that is started here is ended on leaving.

    Raises:
        DemoError: it does not come up, or does not end.
    """
    try:
        endpoints = Endpoints.load(state_dir)
    except NotRunningError:
        pass
    else:
        say(f"Using the stack that is up in {state_dir}.")
        yield endpoints
        return
    say(f"Starting Kafka, ClickHouse, worker, sessions and sink in {state_dir} …")
    log = state_dir.absolute() / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    up = Command([sys.executable, "-m", "deploy.local"], {"METERSTREAM_STATE_DIR": str(state_dir.absolute())})
    child = start(up, log)
    try:
        yield _await_up(child, state_dir, log, say)
    finally:
        _end(child, log)


def _await_up(
    child: "subprocess.Popen[bytes]", state_dir: Path, log: Path, say: Callable[[str], None]
) -> Endpoints:
    deadline = time.monotonic() + _UP_SECONDS
    told = 0
    while True:
        told = _tell_news(log, told, say)
        if child.poll() is not None:
            raise DemoError(f"the stack did not come up:\n{tail(log)}")
        if time.monotonic() >= deadline:
            raise DemoError(f"the stack is not up after {_UP_SECONDS:.0f} s; {log} says:\n{tail(log)}")
        try:
            return Endpoints.load(state_dir)
        except NotRunningError:
            time.sleep(_POLL_SECONDS)


def _tell_news(log: Path, told: int, say: Callable[[str], None]) -> int:
    lines = [
        line for line in log.read_text(errors="replace").splitlines(keepends=True) if line.endswith("\n")
    ]
    for line in lines[told:]:
        say(f"  {line.rstrip()}")
    return len(lines)


def _end(child: "subprocess.Popen[bytes]", log: Path) -> None:
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        raise DemoError(
            f"the stack did not end within {_END_SECONDS:.0f} s; {log} says:\n{tail(log)}"
        ) from None
