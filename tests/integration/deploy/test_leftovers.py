import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.leftovers import end_leftovers, record


@pytest.fixture
def sleeper() -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def test_a_recorded_process_that_still_runs_is_ended(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    record(tmp_path / "pids.json", {"worker": sleeper.pid})
    assert end_leftovers(tmp_path / "pids.json") == ["worker"]
    assert sleeper.wait(5) is not None


def test_a_pid_that_another_process_has_now_is_left_alone(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    path = tmp_path / "pids.json"
    record(path, {"worker": sleeper.pid})
    noted = json.loads(path.read_text())
    noted["worker"]["created"] -= 3_600
    path.write_text(json.dumps(noted))
    assert end_leftovers(path) == []
    assert psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE


def test_what_is_ended_is_forgotten(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    path = tmp_path / "pids.json"
    record(path, {"worker": sleeper.pid})
    end_leftovers(path)
    assert not path.exists()


def test_a_process_that_ended_by_itself_is_no_leftover(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    record(tmp_path / "pids.json", {"worker": sleeper.pid})
    sleeper.kill()
    sleeper.wait()
    assert end_leftovers(tmp_path / "pids.json") == []


def test_without_a_record_there_is_nothing_to_end(tmp_path: Path) -> None:
    assert end_leftovers(tmp_path / "pids.json") == []
