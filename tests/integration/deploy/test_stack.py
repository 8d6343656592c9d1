import os
import signal
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

METERING = {
    "worker": ["-m", "faust", "-A", "stream", "worker"],
    "sessions": ["-m", "faust", "-A", "stream.sessions", "worker"],
    "sink": ["-m", "sinks"],
}


def test_the_whole_stack_is_up_and_each_pid_is_the_process_that_does_the_work(stack: Any) -> None:
    pids = stack.endpoints.pids
    assert pids.keys() == {"kafka", "clickhouse", *METERING}
    for name, arguments in METERING.items():
        assert psutil.Process(pids[name]).cmdline()[1 : 1 + len(arguments)] == arguments


def test_its_tables_answer_over_http(stack: Any) -> None:
    server, _, database = stack.endpoints.clickhouse_url.rpartition("/")
    answer = httpx.get(server, params={"database": database, "query": "SELECT count() FROM meter_usage"})
    assert answer.status_code == 200
    assert int(answer.text) >= 0


@pytest.mark.parametrize("name", sorted(METERING))
def test_a_metering_part_that_is_killed_is_started_again(
    stack: Any, eventually: Callable[..., None], name: str
) -> None:
    before = stack.endpoints.pids
    os.kill(before[name], signal.SIGKILL)
    eventually(lambda: stack.endpoints.pids[name] != before[name], within=5)
    assert stack.endpoints.pids | {name: before[name]} == before
