"""Runs the command line: within this process, which is quick, or as people do, in one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import main

Completed = subprocess.CompletedProcess[str]


@pytest.fixture
def own_environment(tmp_path: Path) -> dict[str, str]:
    """This process's environment without the METERSTREAM_ variables of the shell, and where nothing is up."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("METERSTREAM_")}
    return inherited | {"METERSTREAM_STATE_DIR": str(tmp_path / "none")}


@pytest.fixture
def meterstream(
    own_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Completed]:
    """`meterstream("load", …, METERSTREAM_…="…")`: what it said and its exit code."""

    def run(*words: str, stdin: str = "", **environment: str) -> Completed:
        with monkeypatch.context() as patch:
            for name in set(os.environ) - own_environment.keys():
                patch.delenv(name)
            for name, value in (own_environment | environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            capsys.readouterr()
            try:
                code: object = main(words)
            except SystemExit as ended:
                code = ended.code
        said = capsys.readouterr()
        assert isinstance(code, int)
        return subprocess.CompletedProcess(words, code, said.out, said.err)

    return run


@pytest.fixture
def meterstream_process(own_environment: dict[str, str]) -> Callable[..., Completed]:
    """The same in a process of its own."""

    def run(*words: str, **environment: str) -> Completed:
        return subprocess.run(
            [sys.executable, "-m", "cli", *words],
            env=own_environment | environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return run
