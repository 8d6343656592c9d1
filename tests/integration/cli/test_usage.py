"""`migrate` and `usage` against a real ClickHouse."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sinks.clickhouse import ClickHouse

Run = Callable[..., Any]

TENANT = "tenant-with-a-name-that-no-narrow-column-could-hold-" + "0123456789" * 10


def row(minute: int, **fields: object) -> dict[str, object]:
    start = 1_700_158_500 + 60 * minute
    return {
        "tenant_id": TENANT,
        "environment_id": "default",
        "meter_id": "m",
        "meter_version": 1,
        "customer_id": "c'1",
        "group": {"model": "a"},
        "window_start": start,
        "window_end": start + 60,
        "aggregation": "SUM",
        "unit": "",
        "source_topic_id": "t",
        "source_partition": 0,
        "chunk_start": 0,
        "source_session": "",
        "row_version": 1,
        "event_count": 2,
        "sum": "12345678901234567.89",
        "min": "1",
        "max": "2",
        "latest": "2",
        "latest_timestamp": start * 1000,
        "latest_offset": 1,
    } | fields


@pytest.fixture
def own_url(clickhouse: str) -> str:
    """The session's ClickHouse with a database of these tests' own."""
    return clickhouse.rpartition("/")[0] + "/cli_usage"


@pytest.fixture
def usage(meterstream: Run, own_url: str) -> Iterator[Run]:
    assert meterstream("migrate", METERSTREAM_CLICKHOUSE_URL=own_url).returncode == 0
    rows = [row(minute) for minute in range(3)] + [row(0, meter_id="other", tenant_id="elsewhere")]
    lines = "\n".join(json.dumps(each) for each in rows).encode()
    ClickHouse(own_url).insert_lines("usage_rollups", lines)

    def run(*words: str) -> list[dict[str, Any]]:
        done = meterstream("usage", "--json", *words, METERSTREAM_CLICKHOUSE_URL=own_url)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.mark.usefixtures("usage")
def test_a_second_migrate_changes_nothing(meterstream: Run, own_url: str) -> None:
    assert "nothing was changed" in meterstream("migrate", METERSTREAM_CLICKHOUSE_URL=own_url).stdout


def test_a_row_a_window_is_shown_exactly_and_oldest_first(usage: Run) -> None:
    shown = usage("--tenant", TENANT)
    assert [each["window_start"][11:] for each in shown] == ["18:15:00", "18:16:00", "18:17:00"]
    assert shown[0] == {
        "tenant_id": TENANT,
        "environment_id": "default",
        "meter_id": "m",
        "customer_id": "c'1",
        "group": {"model": "a"},
        "window_start": "2023-11-16 18:15:00",
        "window_end": "2023-11-16 18:16:00",
        "aggregation": "SUM",
        "value": "12345678901234567.89",
        "event_count": 2,
    }


def test_only_what_was_asked_for_is_shown(usage: Run) -> None:
    assert len(usage()) == 4
    assert {each["tenant_id"] for each in usage("--meter", "other")} == {"elsewhere"}
    assert len(usage("--customer", "c'1", "--tenant", TENANT)) == 3
    assert usage("--customer", "' OR '1' = '1") == []
    assert len(usage("--tenant", TENANT, "--from", "2023-11-16 18:16", "--to", "2023-11-16T18:17:00Z")) == 1
    assert [each["window_start"] for each in usage("--limit", "1")] == ["2023-11-16 18:17:00"]


@pytest.mark.usefixtures("usage")
def test_ids_are_in_full_in_a_table_that_goes_into_a_pipe(meterstream: Run, own_url: str) -> None:
    done = meterstream("usage", "--limit", "2", METERSTREAM_CLICKHOUSE_URL=own_url)
    rows = [line for line in done.stdout.splitlines() if TENANT in line]
    assert len(rows) == 2
    assert all("12345678901234567.89" in line and "model=a" in line for line in rows)
    assert "Older windows are left out" in done.stderr


@pytest.mark.usefixtures("usage")
def test_where_nothing_was_counted_it_says_so(meterstream: Run, own_url: str) -> None:
    done = meterstream("usage", "--tenant", "nobody", METERSTREAM_CLICKHOUSE_URL=own_url)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "No usage was counted that fits.\n"


def test_without_tables_it_says_to_migrate(meterstream: Run, clickhouse: str) -> None:
    url = clickhouse.rpartition("/")[0] + "/never_migrated"
    done = meterstream("usage", METERSTREAM_CLICKHOUSE_URL=url)
    assert done.returncode == 1
    assert "run `meterstream migrate`" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_clickhouse_it_says_so(meterstream: Run) -> None:
    done = meterstream("usage", METERSTREAM_CLICKHOUSE_URL="http://127.0.0.1:1/metering")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no ClickHouse answers at 127.0.0.1:1")
    assert "Traceback" not in done.stderr
