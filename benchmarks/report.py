"""What a run says: a table for people, files for later, one line for programs."""

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

from benchmarks.rounds import Round
from benchmarks.standings import Standing

RESULTS: Final = Path(__file__).with_name("results")
_WIDTH: Final = 180
_NO_FIGURE: Final = "-"
_TOTALS: Final = "totals"
_FAULT_WIDTH: Final = 24

COLUMNS: Final = (
    "contestant",
    "rounds",
    "events",
    "events/s",
    "lowest",
    "highest",
    "CPU s/M",
    "broker s/M",
    "cores",
    "peak MB",
    "rows",
    "last row",
    _TOTALS,
)
LEGEND: Final = (
    "Medians over the rounds. CPU seconds per million events of the contestant and of the broker; cores: "
    "what it had of its one, below 1 where others took it; last row: seconds from the last event read to the "
    "last row. Right totals are those published, duplicates removed for the worker and counted for all "
    "others, who do not know of them."
)


def print_standings(standing: Iterable[Standing], title: str) -> None:
    """Print a line for every contestant."""
    print_lines(title, COLUMNS, map(cells, standing))


def print_lines(title: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column names its lines, `totals` is text, the others are figures."""
    table = Table()
    for column in columns:
        if column == _TOTALS:
            table.add_column(column, min_width=_FAULT_WIDTH)
        else:
            table.add_column(column, justify="left" if column == columns[0] else "right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console = Console(width=_WIDTH)
    console.print(title, highlight=False)
    console.print(table)


def cells(standing: Standing) -> tuple[str, ...]:
    """One contestant's line."""
    rounds = standing.rounds
    if not rounds:
        return (standing.name, "0", *[_NO_FIGURE] * 10, standing.fault)
    rates = [each.events_per_second for each in rounds]
    return (
        standing.name,
        str(len(rounds)),
        f"{max(each.events for each in rounds):,}",
        f"{standing.events_per_second:,.0f}",
        f"{min(rates):,.0f}",
        f"{max(rates):,.0f}",
        f"{standing.median(lambda each: each.cpu_seconds_per_million):,.2f}",
        f"{standing.median(lambda each: each.broker_cpu_seconds_per_million):,.2f}",
        f"{standing.median(lambda each: each.cores):.2f}",
        f"{max(each.peak_mb for each in rounds):,.0f}",
        f"{standing.median(lambda each: each.rows):,.0f}",
        _emit_seconds(rounds),
        standing.fault or "right",
    )


def _emit_seconds(rounds: Sequence[Round]) -> str:
    known = [each.emit_seconds for each in rounds if each.emit_seconds is not None]
    return f"{median(known):.2f}" if known else _NO_FIGURE


def markdown(standing: Iterable[Standing]) -> str:
    """The same table as Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, standing)]
    table = "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)
    return f"{table}\n\n{LEGEND}\n"


def save(standing: Sequence[Standing], rounds: Sequence[Round], figures: Mapping[str, float]) -> Path:
    """Write everything measured to a file, with the machine it was measured on, and the table beside it."""
    now = datetime.now(UTC)
    content: dict[str, Any] = {
        "time": now.isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "processor": _processor(), "python": sys.version.split()[0]},
        "summary": dict(figures),
        "rounds": [asdict(each) for each in rounds],
        "failures": [asdict(failure) for each in standing for failure in each.failures],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"peers-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(standing))
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
