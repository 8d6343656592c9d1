import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.errors import PartError
from deploy.local.backoff import Backoff
from deploy.local.part import Part
from deploy.local.process import Command
from deploy.local.supervisor import StopRequestedError, Supervisor

SLEEPS = "import signal; signal.pause()"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
)
FAILS = "import sys; sys.exit('this is why')"


def part(name: str, program: str, ready: Callable[[], bool] = lambda: True) -> Part:
    return Part(name, Command([sys.executable, "-c", program]), watch=lambda: ready)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path, said.append, backoff=Backoff(first=0.05, limit=0.2)) as made:
        yield made


def test_a_pid_is_the_process_that_does_the_work(
    supervisor: Supervisor, eventually: Callable[..., None]
) -> None:
    supervisor.start(part("sleeper", SLEEPS))
    process = psutil.Process(supervisor.pids()["sleeper"])
    eventually(lambda: process.cmdline() == [sys.executable, "-c", SLEEPS])


def test_a_part_is_ready_once_its_check_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = f"import pathlib, signal; pathlib.Path({str(mark)!r}).touch(); signal.pause()"
    supervisor.start(part("marker", program, mark.exists))
    supervisor.await_ready(20)
    assert mark.exists()


def test_a_part_that_never_gets_ready_fails_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    supervisor.start(part("talker", f"print('last words', flush=True); {SLEEPS}", lambda: False))
    eventually(lambda: b"last words" in (tmp_path / "talker.log").read_bytes())
    with pytest.raises(PartError, match=r"talker is not ready after 0 s(.|\n)*last words"):
        supervisor.await_ready(0.2)


def test_a_part_that_dies_over_and_over_before_it_is_ready_fails_with_the_end_of_its_log(
    supervisor: Supervisor,
) -> None:
    supervisor.start(part("failer", FAILS, lambda: False))
    with pytest.raises(PartError, match=r"failer ended 5 times .*exit code 1(.|\n)*this is why"):
        supervisor.await_ready(60)


def test_a_part_that_was_killed_is_started_again_and_its_new_pid_told(tmp_path: Path) -> None:
    told: list[int] = []
    supervisor = Supervisor(
        tmp_path,
        say=lambda _: None,
        changed=lambda pids: told.append(pids["sleeper"]),
        stop_requested=lambda: len(told) == 2,
    )
    with supervisor:
        supervisor.start(part("sleeper", SLEEPS))
        psutil.Process(told[0]).kill()
        supervisor.watch()
        assert psutil.pid_exists(told[1])
    assert not psutil.pid_exists(told[1])


def test_parts_are_looked_after_while_work_is_done(
    supervisor: Supervisor, said: list[str], eventually: Callable[..., None]
) -> None:
    supervisor.start(part("sleeper", SLEEPS))
    first = supervisor.pids()["sleeper"]
    psutil.Process(first).kill()
    supervisor.perform(lambda: eventually(lambda: supervisor.pids()["sleeper"] != first))
    assert [line for line in said if "by SIGKILL; starting it again" in line]


def test_an_error_in_the_work_reaches_whoever_asked_for_it(supervisor: Supervisor) -> None:
    def work() -> None:
        raise PartError("it failed")

    with pytest.raises(PartError, match="it failed"):
        supervisor.perform(work)


def test_a_request_to_end_does_not_wait_for_the_work(tmp_path: Path) -> None:
    began = time.monotonic()
    supervisor = Supervisor(
        tmp_path, say=lambda _: None, stop_requested=lambda: time.monotonic() > began + 0.2
    )
    with supervisor, pytest.raises(StopRequestedError):
        supervisor.perform(lambda: time.sleep(60))


def test_a_part_that_does_not_listen_is_killed(
    supervisor: Supervisor, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    supervisor.start(part("deaf", DEAF))
    eventually(lambda: b"deaf" in (tmp_path / "deaf.log").read_bytes())
    pid = supervisor.pids()["deaf"]
    supervisor.grace_seconds = 0.2
    supervisor.end()
    assert not psutil.pid_exists(pid)


def test_what_started_last_is_ended_first(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = """
import pathlib, signal, sys
def end(*_):
    with open({order!r}, "a") as file: file.write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path({mark!r}).touch()
signal.pause()
"""
    for name in ("server", "client"):
        mark = tmp_path / f"{name}.mark"
        supervisor.start(part(name, program.format(order=str(order), name=name, mark=str(mark)), mark.exists))
        supervisor.await_ready(20)
    supervisor.end()
    assert order.read_text() == "client server "
