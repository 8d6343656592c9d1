"""Measures `faust -A stream worker` over a full log.

The clock starts when the worker is seen to have been given its partitions, a little before its first fetch,
and ends with the broker's time of the last row, so nothing is left out in the worker's favour.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.arena import Arena
from benchmarks.contestants import FAUST, Contestant, running
from benchmarks.errors import MiscountError
from benchmarks.publishing import Published
from benchmarks.rollups import RollupLog
from benchmarks.rounds import ALL_RIGHT, Round
from benchmarks.tailing import count_records, tail
from benchmarks.truth import Truth
from deploy.admin import admin_client
from deploy.local.ports import HOST, choose_port, is_free
from deploy.local.process import Command
from deploy.local.readiness import assigned_members
from schemas import USAGE_EVENTS, USAGE_ROLLUPS

_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Worker:
    """Meterstream's worker; `environment` is what one run differs in from another."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """It is installed with the project."""

    def measure(self, published: Published, arena: Arena) -> Round:
        """Run it once, as a consumer group of its own, and compare what it counted.

        Raises:
            BenchmarkError: it gave no figures.
        """
        servers, truth = arena.bootstrap_servers, published.whole
        group = f"meterstream-bench-{secrets.token_hex(4)}"
        results = RollupLog(count_records(servers, USAGE_EVENTS))
        command = self._command(servers, group, arena.directory / group)
        log = arena.directory / f"{group}.log"
        with (
            tail(servers, USAGE_ROLLUPS) as rows,
            running(self.name, command, log, arena) as worker,
        ):
            started = _await_assignment(servers, group, worker)
            worker.await_complete(rows, results)
            measured = worker.measured(truth.events, started, results)
        return replace(measured, fault=_fault(results, truth))

    def _command(self, servers: str, group: str, directory: Path) -> Command:
        web_port = choose_port("the worker's web server", None, None, (), is_free)
        web = ("--web-port", str(web_port), "--web-bind", HOST)
        return Command(
            [*FAUST, "-A", "stream", "--datadir", str(directory), "worker", "-l", "info", *web],
            {
                "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": servers,
                "METERSTREAM_CONSUMER_GROUP": group,
                "PYTHONUNBUFFERED": "1",
                **self.environment,
            },
        )


def _fault(results: RollupLog, truth: Truth) -> str:
    try:
        results.verify(truth)
    except MiscountError as error:
        return " ".join(str(error).split())
    return ALL_RIGHT


def _await_assignment(bootstrap_servers: str, group: str, worker: Contestant) -> float:
    admin = admin_client(bootstrap_servers)
    while not assigned_members(admin, group):
        worker.check(lambda: "it was given no partitions yet")
        time.sleep(_POLL_SECONDS)
    return time.time()
