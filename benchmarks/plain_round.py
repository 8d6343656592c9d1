"""Measures the plain Faust agent over the first events, from its first event to its last row."""

import secrets
from collections import Counter
from pathlib import Path
from typing import Final

from confluent_kafka import Message

from benchmarks.contestants import FAUST, Round, running
from benchmarks.cores import Cores
from benchmarks.errors import MiscountError
from benchmarks.publishing import PARTITIONS, PREFIX_TOPIC, make_topic
from benchmarks.tailing import tail
from benchmarks.truth import Cell, Truth, differences
from deploy.local.process import Command

NAME: Final = "plain Faust agent"
_WORKER: Final = ("worker", "-l", "info", "--without-web")
_SHOWN: Final = 10


class LatestTotals:
    """The cells a plain agent wrote, each as last written; complete once the meters' totals are all there."""

    def __init__(self, truth: Truth) -> None:
        self.rows = 0
        self.started = 0.0
        self.last_time = 0.0
        self._cells: dict[Cell, int] = {}
        self._published = _by_meter(truth.repeated)
        self._counted: Counter[str] = Counter()

    def take(self, message: Message) -> None:
        """Take in one record: a cell's new total, or the word that the first event has come."""
        moment = message.timestamp()[1] / 1000
        key = (message.key() or b"").decode()
        if key == "started":
            # Several actors or a restart would say it again: the first word counts.
            self.started = self.started or moment
            return
        self.rows += 1
        self.last_time = max(self.last_time, moment)
        meter_id, tenant_id, customer_id, window = key.split("|")
        cell = Cell(meter_id, tenant_id, customer_id, int(window))
        total = int(message.value() or b"0")
        self._counted[meter_id] += total - self._cells.get(cell, 0)
        self._cells[cell] = total

    def is_complete(self) -> bool:
        """Whether every meter's total, which only grows, has come to what was published."""
        return all(self._counted[meter_id] >= total for meter_id, total in self._published.items())

    def progress(self) -> str:
        return f"it counted {dict(self._counted)} of {dict(self._published)}"

    def verify(self, truth: Truth) -> None:
        """Compare every cell with what was published, duplicates counted.

        Raises:
            MiscountError: naming what differs.
        """
        faults = differences(self._cells, truth.repeated)
        if faults:
            raise MiscountError(
                f"the plain agent miscounted {len(faults)} cells:\n  " + "\n  ".join(faults[:_SHOWN])
            )


def _by_meter(cells: Counter[Cell]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for cell, total in cells.items():
        totals[cell.meter_id] += total
    return totals


def measure_plain_agent(bootstrap_servers: str, truth: Truth, cores: Cores, logs: Path) -> Round:
    """Run the plain agent once, as an app of its own, and check what it counted.

    Raises:
        BenchmarkError: it did not finish, or it miscounted.
    """
    name = f"plain-agent-{secrets.token_hex(4)}"
    output = f"{name}-rollups"
    make_topic(bootstrap_servers, output)
    results = LatestTotals(truth)
    command = _command(bootstrap_servers, name, output, logs)
    with (
        tail(bootstrap_servers, output) as rows,
        running(NAME, command, logs / f"{name}.log", cores) as agent,
    ):
        agent.await_complete(rows, results)
        measured = agent.measured(truth.events, results.started, results)
    results.verify(truth)
    return measured


def _command(bootstrap_servers: str, name: str, output: str, directory: Path) -> Command:
    return Command(
        [*FAUST, "-A", "benchmarks.plain_agent", "--datadir", str(directory / name), *_WORKER],
        {
            "BENCH_APP": name,
            "BENCH_BOOTSTRAP_SERVERS": bootstrap_servers,
            "BENCH_PARTITIONS": str(PARTITIONS),
            "BENCH_INPUT": PREFIX_TOPIC,
            "BENCH_OUTPUT": output,
            "PYTHONUNBUFFERED": "1",
        },
    )
