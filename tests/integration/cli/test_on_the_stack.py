"""The commands on a whole stack: the demo, and a file that is loaded, loaded again and counted exactly."""

import csv
import json
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]
ROWS = 3_000


def test_the_demo_checks_its_own_totals_each_time_it_runs(meterstream_process: Run, stack: Any) -> None:
    for _ in range(2):
        done = meterstream_process("demo", "--state-dir", str(stack.state_dir))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Using the stack that is up" in done.stdout
        assert "all totals equal what was published, exactly" in done.stdout
        assert "FROM meter_usage" in done.stdout
        assert "rule-abc123\t8\nrule-def456\t4\n" in done.stdout
    assert stack.process.poll() is None


def test_a_demo_whose_stack_does_not_come_up_fails_and_says_why(
    meterstream_process: Run, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = meterstream_process(
            "demo", "--state-dir", str(tmp_path / "state"), METERSTREAM_KAFKA_PORT=port
        )
    assert done.returncode == 1
    assert "error: the stack did not come up" in done.stderr
    assert port in done.stderr


def test_a_loaded_file_is_counted_as_a_plain_reading_of_it_counts(
    meterstream: Run, stack: Any, tmp_path: Path, fresh: Callable[[str], str], eventually: Callable[..., None]
) -> None:
    tenant = fresh("tenant")
    state = ("--state-dir", str(stack.state_dir))
    file = tmp_path / "requests.csv"
    moments = (f"2023-11-16 18:{row // 250:02}:{row % 60:02}.1234567" for row in range(ROWS))
    file.write_text(
        "\n".join(
            [
                "Timestamp,Model,Tokens",
                *(f"{at},m{row % 3},{row * 7 % 901}" for row, at in enumerate(moments)),
            ]
        )
    )
    wanted: Counter[tuple[str, str]] = Counter()
    with file.open() as lines:
        for row in csv.DictReader(lines):
            minute = row["Timestamp"][:16] + ":00"
            wanted["requests", minute] += 1
            wanted["tokens", minute] += int(row["Tokens"])
            wanted["some", minute] += row["Model"] in ("m0", "m2")
    base = {"tenant_id": tenant, "event_name": "request"}
    meters = [
        base | {"id": "requests", "name": "R", "aggregation": {"type": "COUNT"}},
        base | {"id": "tokens", "name": "T", "aggregation": {"type": "SUM", "field": "tokens"}},
        base
        | {
            "id": "some",
            "name": "S",
            "aggregation": {"type": "COUNT"},
            "filters": [{"key": "model", "values": ["m0", "m2"]}],
        },
    ]
    assert meterstream("meters", "apply", "-", *state, stdin=json.dumps(meters)).returncode == 0

    def load() -> None:
        words = ("--tenant", tenant, "--event-name", "request", "--timestamp-column", "Timestamp")
        done = meterstream("load", str(file), *words, *state)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr

    def counted() -> dict[tuple[str, str], int]:
        done = meterstream("usage", "--tenant", tenant, "--json", *state)
        assert done.returncode == 0, done.stderr
        rows = map(json.loads, done.stdout.splitlines())
        return {(row["meter_id"], row["window_start"]): int(row["value"]) for row in rows}

    load()
    eventually(lambda: counted() == wanted, within=60)
    load()
    # Of one customer, so on one partition: once what follows is counted, the second load has been read.
    marker = tmp_path / "marker.csv"
    marker.write_text("Timestamp\n2023-11-17 00:00:00\n")
    words = ("--tenant", tenant, "--event-name", "request", "--timestamp-column", "Timestamp")
    assert meterstream("load", str(marker), *words, *state).returncode == 0
    day_after = {("requests", "2023-11-17 00:00:00"): 1}
    eventually(lambda: counted() == wanted | day_after, within=60)
