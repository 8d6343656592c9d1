"""What a run says: a table for people, a file for later, one line for programs."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.contestants import Round

RESULTS: Final = Path(__file__).with_name("results")
_WIDTH: Final = 120

_COLUMNS: Final = (
    "round",
    "events",
    "seconds",
    "events/s",
    "CPU s/million",
    "cores",
    "peak MB",
    "rows",
    "rows/event",
    "load",
)


def summary(worker: Sequence[Round], plain: Sequence[Round]) -> dict[str, float]:
    """The medians of a run; the ratio is above 1 where the worker is faster."""
    rate = median(each.events_per_second for each in worker)
    return {
        "events_per_second": round(rate),
        "cpu_seconds_per_million": round(median(each.cpu_seconds_per_million for each in worker), 3),
        "ratio_to_plain_agent": round(rate / median(each.events_per_second for each in plain), 2),
    }


def cpu_ratio(worker: Sequence[Round], plain: Sequence[Round]) -> float:
    """How many times the CPU time of the worker the plain agent needs for an event, by medians."""
    return median(each.cpu_seconds_per_million for each in plain) / median(
        each.cpu_seconds_per_million for each in worker
    )


def print_table(rounds: Sequence[Round], title: str) -> None:
    """Print a line for every round, in the order they were run."""
    print_lines(title, _COLUMNS, map(_cells, rounds))


def print_lines(title: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column names its lines, the others are figures."""
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console = Console(width=_WIDTH)
    console.print(title, highlight=False)
    console.print(table)


def _cells(each: Round) -> tuple[str, ...]:
    return (
        each.contestant,
        f"{each.events:,}",
        f"{each.seconds:.2f}",
        f"{each.events_per_second:,.0f}",
        f"{each.cpu_seconds_per_million:,.2f}",
        f"{each.cores:.2f}",
        f"{each.peak_mb:,.0f}",
        f"{each.rows:,}",
        f"{each.rows_per_event:.3f}",
        f"{each.load:.2f}",
    )


def save(rounds: Sequence[Round], medians: Mapping[str, float]) -> Path:
    """Write everything measured to a file of its own, with the machine it was measured on."""
    now = datetime.now(UTC)
    content: dict[str, Any] = {
        "time": now.isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "processor": _processor(), "python": sys.version.split()[0]},
        "summary": dict(medians),
        "rounds": [asdict(each) for each in rounds],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"worker-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
