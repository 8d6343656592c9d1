"""Measures `faust -A stream worker` over a full log.

The clock starts when the worker is seen to have been given its partitions, a little before its first fetch,
and ends with the broker's time of the last row, so nothing is left out in the worker's favour.
"""

import secrets
import time
from pathlib import Path
from typing import Final

from benchmarks.contestants import FAUST, Contestant, Round, running
from benchmarks.cores import Cores
from benchmarks.rollups import RollupLog
from benchmarks.tailing import count_records, tail
from benchmarks.truth import Truth
from deploy.admin import admin_client
from deploy.local.ports import HOST, choose_port, is_free
from deploy.local.process import Command
from deploy.local.readiness import assigned_members
from schemas import USAGE_EVENTS, USAGE_ROLLUPS

NAME: Final = "meterstream worker"
_POLL_SECONDS: Final = 0.02


def measure_worker(bootstrap_servers: str, truth: Truth, cores: Cores, logs: Path) -> Round:
    """Run the worker once, as a consumer group of its own, and check what it counted.

    Raises:
        BenchmarkError: it did not finish, or it miscounted.
    """
    group = f"meterstream-bench-{secrets.token_hex(4)}"
    results = RollupLog(count_records(bootstrap_servers, USAGE_EVENTS))
    command = _command(bootstrap_servers, group, logs / group)
    with (
        tail(bootstrap_servers, USAGE_ROLLUPS) as rows,
        running(NAME, command, logs / f"{group}.log", cores) as worker,
    ):
        started = _await_assignment(bootstrap_servers, group, worker)
        worker.await_complete(rows, results)
        measured = worker.measured(truth.events, started, results)
    results.verify(truth)
    return measured


def _command(bootstrap_servers: str, group: str, directory: Path) -> Command:
    web_port = choose_port("the worker's web server", None, None, (), is_free)
    web = ("--web-port", str(web_port), "--web-bind", HOST)
    return Command(
        [*FAUST, "-A", "stream", "--datadir", str(directory), "worker", "-l", "info", *web],
        {
            "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "METERSTREAM_CONSUMER_GROUP": group,
            "PYTHONUNBUFFERED": "1",
        },
    )


def _await_assignment(bootstrap_servers: str, group: str, worker: Contestant) -> float:
    admin = admin_client(bootstrap_servers)
    while not assigned_members(admin, group):
        worker.check("it was given no partitions yet")
        time.sleep(_POLL_SECONDS)
    return time.time()
