"""The fleet on real processes that do nothing but wait."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.process import Command
from tests.chaos.fleet import Fleet

WAIT = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    started = Fleet(tmp_path, say=lambda _line: None)
    yield started
    started.end()


def python(code: str) -> Callable[[], Command]:
    return lambda: Command([sys.executable, "-c", code])


def add(fleet: Fleet, name: str, code: str = WAIT, *, is_job: bool = False) -> None:
    fleet.add(name, python(code), time.monotonic(), is_job=is_job)


def pid(fleet: Fleet, name: str) -> int:
    process = fleet.members[name].process
    return 0 if process is None else process.pid


@pytest.fixture
def until(fleet: Fleet, eventually: Callable[..., None]) -> Callable[[Callable[[], object]], None]:
    def wait(condition: Callable[[], object]) -> None:
        def holds() -> object:
            fleet.tick(time.monotonic())
            return condition()

        eventually(holds)

    return wait


def test_what_is_killed_comes_back_after_its_time_and_is_no_death_of_its_own(
    fleet: Fleet, until: Callable[..., None]
) -> None:
    add(fleet, "worker")
    before, killed = pid(fleet, "worker"), time.monotonic()
    fleet.kill("worker", down=0.3)
    until(lambda: pid(fleet, "worker") not in (0, before))
    assert time.monotonic() - killed >= 0.3
    assert fleet.deaths == []


def test_what_is_frozen_goes_on_as_the_same_process(fleet: Fleet, until: Callable[..., None]) -> None:
    add(fleet, "worker")
    before = pid(fleet, "worker")
    fleet.freeze("worker", 0.3, time.monotonic())
    until(lambda: psutil.Process(before).status() == psutil.STATUS_STOPPED)
    assert not fleet.is_calm
    until(lambda: fleet.is_calm)
    until(lambda: psutil.Process(before).status() != psutil.STATUS_STOPPED)
    assert pid(fleet, "worker") == before


def test_what_is_killed_while_frozen_comes_back(fleet: Fleet, until: Callable[..., None]) -> None:
    add(fleet, "worker")
    before = pid(fleet, "worker")
    fleet.freeze("worker", 60, time.monotonic())
    fleet.kill("worker", down=0)
    until(lambda: pid(fleet, "worker") not in (0, before))
    assert fleet.is_calm


def test_what_dies_by_itself_is_told_and_started_again(fleet: Fleet, until: Callable[..., None]) -> None:
    add(fleet, "worker", "raise SystemExit(3)")
    until(lambda: len(fleet.deaths) >= 2)
    assert all("worker ended by itself" in death and "exit code 3" in death for death in fleet.deaths)


def test_a_job_that_ends_well_is_done_and_one_that_does_not_is_started_again(
    fleet: Fleet, until: Callable[..., None]
) -> None:
    add(fleet, "job", "pass", is_job=True)
    until(lambda: fleet.is_done("job"))
    assert fleet.deaths == []
    add(fleet, "failing", "raise SystemExit(1)", is_job=True)
    until(lambda: len(fleet.deaths) >= 2)
    assert not fleet.is_done("failing")


def test_what_is_retired_stays_away_whatever_is_asked_later(fleet: Fleet, until: Callable[..., None]) -> None:
    add(fleet, "worker")
    fleet.retire("worker", time.monotonic())
    fleet.restart("worker", time.monotonic())
    until(lambda: pid(fleet, "worker") == 0)
    until(lambda: fleet.is_calm)
    assert pid(fleet, "worker") == 0


def test_a_restart_takes_the_settings_of_that_moment(fleet: Fleet, until: Callable[..., None]) -> None:
    settings = ["first"]
    fleet.add(
        "worker",
        lambda: Command([sys.executable, "-c", f"print({settings[0]!r}, flush=True); {WAIT}"]),
        time.monotonic(),
    )
    log = fleet.logs / "worker.log"
    until(lambda: "first" in log.read_text())
    settings[0] = "second"
    fleet.restart("worker", time.monotonic())
    until(lambda: "second" in log.read_text())


def test_the_cpu_a_process_used_is_kept_when_it_ends(fleet: Fleet, until: Callable[..., None]) -> None:
    add(fleet, "worker", "while True: pass")
    until(lambda: fleet.members["worker"].cpu_seconds > 0)
    used = fleet.members["worker"].cpu_seconds
    fleet.kill("worker", down=0)
    until(lambda: fleet.members["worker"].cpu_seconds > used)
