"""Outboxes in temporary files, and processes that use them and are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from producers.outbox import Queue, QueueConfig
from producers.settings import current_settings

HERE = Path(__file__).parent


@pytest.fixture
def config(tmp_path: Path) -> QueueConfig:
    return QueueConfig(path=tmp_path / "outbox.sqlite3")


@pytest.fixture
def queue(config: QueueConfig) -> Iterator[Queue]:
    """An empty outbox."""
    made = Queue(config)
    yield made
    made.close()


@pytest.fixture
def default_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """The outbox that the environment names, for code that names none."""
    monkeypatch.setenv("METERSTREAM_OUTBOX_PATH", str(tmp_path / "default.sqlite3"))
    current_settings.cache_clear()
    made = Queue()
    yield made
    made.close()
    monkeypatch.undo()
    current_settings.cache_clear()


@pytest.fixture
def run_program(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Runs a program of this directory, its output a pipe: `run_program("putting", *words, **settings)`."""
    begun: list[subprocess.Popen[str]] = []

    def run(name: str, *words: str, **settings: str) -> "subprocess.Popen[str]":
        command = [sys.executable, str(HERE / f"{name}.py"), *words]
        with (tmp_path / f"{name}.log").open("a") as log:
            begun.append(
                subprocess.Popen(
                    command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=log, text=True
                )
            )
        return begun[-1]

    yield run
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
