"""Starts a child that cannot outlive its parent and whose pid is the process that does the work."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_BOUND: Final = Path(__file__).with_name("bound.py")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: `environment` is laid over this process's own, `directory` is where it runs."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


def bound(arguments: Sequence[str]) -> list[str]:
    """`arguments`, run so that the kernel ends the process when this one dies.

    The kernel watches the thread that starts the process: start it from the main one.
    """
    return [sys.executable, "-I", "-S", str(_BOUND), str(os.getpid()), *arguments]


def start(command: Command, log: Path) -> "subprocess.Popen[bytes]":
    """Start `command`; what it writes is appended to `log`.

    It gets a session of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends its children
    in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            bound(command.arguments),
            env=os.environ | command.environment,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, or a word that there are none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
