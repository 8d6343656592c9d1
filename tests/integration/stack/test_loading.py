"""A file of real shape, loaded while the worker is killed, equals a plain reading of it."""

import csv
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROWS = 6_000
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")

Sql = Callable[..., list[dict[str, Any]]]
Usage = dict[tuple[str, str], Decimal]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """An hour of requests of a language model, as a service writes them down."""
    rng = random.Random(7)
    path, moment = tmp_path / "trace.csv", datetime(2025, 11, 16, 18, 15, 46, tzinfo=UTC)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for _ in range(ROWS):
            moment += timedelta(microseconds=rng.randrange(1_200_000))
            digits = f"{moment:%Y-%m-%d %H:%M:%S.%f}{rng.randrange(10)}"
            writer.writerow([digits, rng.randrange(1, 4_000), rng.randrange(1, 200)])
    return path


def meters(tenant: str) -> list[dict[str, Any]]:
    def meter(name: str, kind: str, field: str = "", filters: Any = ()) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "tenant_id": tenant,
            "event_name": "llm.request",
            "aggregation": {"type": kind, "field": field},
            "filters": list(filters),
        }

    return [
        meter("requests", "COUNT"),
        meter("generated", "SUM", "generated_tokens"),
        meter("largest", "MAX", "context_tokens"),
        meter("two", "COUNT", filters=[{"key": "generated_tokens", "values": ["44", "109"]}]),
    ]


def plain_reading(path: Path) -> Usage:
    usage: Usage = Counter()  # type: ignore[assignment] # what is missing counts from 0
    with path.open() as file:
        for row in csv.DictReader(file):
            minute = row["TIMESTAMP"][:16] + ":00"
            context, generated = int(row["ContextTokens"]), int(row["GeneratedTokens"])
            usage["requests", minute] += 1
            usage["generated", minute] += generated
            usage["largest", minute] = max(usage["largest", minute], Decimal(context))
            if generated in (44, 109):
                usage["two", minute] += 1
    return dict(usage)


def counted(sql: Sql, tenant: str) -> Usage:
    query = """
        SELECT meter_id, toString(window_start) AS minute, value FROM meter_usage
        WHERE tenant_id = {tenant:String} AND customer_id = {tenant:String}
    """
    return {(row["meter_id"], row["minute"]): Decimal(row["value"]) for row in sql(query, tenant=tenant)}


def load(stack: Any, path: Path, tenant: str) -> None:
    command = [
        sys.executable,
        "-m",
        "cli",
        "load",
        str(path),
        "--tenant",
        tenant,
        "--event-name",
        "llm.request",
    ]
    command += ["--timestamp-column", "TIMESTAMP", "--state-dir", str(stack.state_dir)]
    command += [
        "--property",
        "context_tokens=ContextTokens",
        "--property",
        "generated_tokens=GeneratedTokens",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def read_of(sql: Sql) -> int:
    (row,) = sql("SELECT sum(read) AS read FROM usage_chunks FINAL")
    return int(row["read"])


def test_a_file_loaded_twice_counts_as_a_plain_reading_of_it(
    stack: Any, sql: Sql, apply: Any, fresh: Any, eventually: Any, trace: Path
) -> None:
    tenant = fresh("loader")
    apply(*meters(tenant))

    load(stack, trace, tenant)
    expected = plain_reading(trace)
    eventually(lambda: counted(sql, tenant) == expected, within=60)

    before = read_of(sql)
    load(stack, trace, tenant)
    eventually(lambda: read_of(sql) >= before + ROWS, within=60)
    assert counted(sql, tenant) == expected


def test_killing_the_worker_while_a_file_is_loaded_changes_nothing(
    stack: Any, sql: Sql, apply: Any, fresh: Any, eventually: Any, trace: Path
) -> None:
    tenant = fresh("killed")
    apply(*meters(tenant))
    expected = plain_reading(trace)

    load(stack, trace, tenant)
    for _ in range(3):
        killed = stack.endpoints.pids["worker"]
        os.kill(killed, signal.SIGKILL)
        eventually(lambda killed=killed: stack.endpoints.pids["worker"] != killed, within=30)
    eventually(lambda: counted(sql, tenant) == expected, within=90)

    unbalanced = "read != control + forwarded + duplicate + rejected + unmatched + accepted"
    assert sql(f"SELECT * FROM usage_chunks FINAL WHERE {unbalanced}") == []
