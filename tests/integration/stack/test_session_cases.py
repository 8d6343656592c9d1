"""What becomes of sessions, case by case, from usage-events to ClickHouse: expected beside got, in one table.

`pytest -rP` on this file prints the table.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from schemas import catalogue

HOUR: Final = 3_600_000
MINUTE: Final = 60_000
DAY: Final = 24 * HOUR
H: Final = (int(time.time()) // 3600 - 6) * HOUR
"""A full hour, six hours ago; windows are named by their hours from it."""
HOURS_METER: Final = "chat.on.time_hours"
SECONDS_METER: Final = "chat.query.time_secs"

Sql = Callable[..., list[dict[str, Any]]]
Moments = dict[str, int]


def start(at: int) -> Moments:
    return {"start_time": H + at}


def end(at: int) -> Moments:
    return {"end_time": H + at}


@dataclass(frozen=True)
class Case:
    """Boundaries of one customer; `then` follows once its sessions are in a state, and workers were killed.

    Attributes:
        expected: State of each session, milliseconds and event count by window, dead letters, and the value.
        partitions: Of usage-events, where the boundaries of `first` stand; the last one repeats.
        session_ids: Of the sessions that all boundaries are stated for; empty for a switch.
    """

    name: str
    first: tuple[Moments, ...]
    expected: str
    awaited: str = ""
    then: tuple[Moments, ...] = ()
    meter: str = HOURS_METER
    partitions: tuple[int, ...] = (0,)
    session_ids: tuple[str, ...] = ("s1",)

    @property
    def customer(self) -> str:
        return self.name.replace(" ", "-").replace(",", "")


HALF: Final = 30 * MINUTE
COMPLETED: Final = "completed; +0h 1800000 ms (1); 0.5"
CASES: Final = (
    Case("start then end", (start(0), end(HALF)), COMPLETED),
    Case("end then start", (end(HALF), start(0)), COMPLETED),
    Case("both in one record", (start(0) | end(HALF),), COMPLETED),
    Case(
        "start and end repeated 10 times",
        (*(start(0), end(HALF)) * 10, end(HALF + 1)),
        "completed; +0h 1800001 ms (1); 0.500000277777777777",
    ),
    Case("start then end, no session id", (start(0), end(HALF)), COMPLETED, session_ids=("",)),
    Case(
        "switch on and off twice, no session id",
        (start(0), start(1), end(HALF), start(HOUR), end(HOUR + 1)),
        "completed, completed; +0h 1800000 ms (1), +1h 1 ms (1); 0.500000277777777777",
        session_ids=("",),
    ),
    Case("start and end on two partitions", (start(0), end(HALF)), COMPLETED, partitions=(0, 1)),
    Case(
        "over 3 windows",
        (start(-1), end(HOUR + 1)),
        "completed; -1h 1 ms (1), +0h 3600000 ms (0), +1h 1 ms (0); 1.000000555555555554",
    ),
    Case(
        "corrected by a later end",
        (start(0), end(HALF), end(HOUR + HALF)),
        "completed; +0h 3600000 ms (1), +1h 1800000 ms (0); 1.5",
    ),
    Case(
        "corrected by an earlier end",
        (start(0), end(2 * HOUR + HALF), end(HALF)),
        "completed; +0h 1800000 ms (1), +1h left, +2h left; 0.5",
    ),
    Case(
        "corrected by an earlier start",
        (start(0), end(HALF), start(-HALF)),
        "completed; -1h 1800000 ms (1), +0h 1800000 ms (0); 1",
    ),
    Case("open", (start(0),), "open and running; nothing; 0"),
    Case("end waits for its start", (end(HALF),), "waiting; nothing; 0"),
    Case("open for longer than a day", (start(-DAY),), "expired; nothing; 0"),
    Case("end waits for longer than a day", (end(-DAY),), "expired; nothing; 0"),
    Case(
        "late end after expiry",
        (start(-DAY),),
        "completed; 25 windows of 3600000 ms (1); 25",
        awaited="expired",
        then=(end(HOUR),),
    ),
    Case(
        "late start after expiry",
        (end(-DAY + HALF),),
        "completed; -24h 1800000 ms (1); 0.5",
        awaited="expired",
        then=(start(-DAY),),
    ),
    Case(
        "switch on again after an expiry",
        (start(-2 * DAY), start(0), end(HALF)),
        "expired, completed; +0h 1800000 ms (1); 0.5",
        session_ids=("",),
    ),
    Case(
        "end before its start, end last",
        (start(0), end(-1)),
        "open and running; nothing; 0; end_before_start",
    ),
    Case(
        "end before its start, start last",
        (end(-1), start(0)),
        "waiting; nothing; 0; end_before_start",
    ),
    Case(
        "longer than 31 days",
        (start(-32 * DAY), end(0)),
        "expired; nothing; 0; interval_out_of_bounds",
    ),
    Case(
        "exactly 31 days",
        (start(-31 * DAY), end(0)),
        "completed; 744 windows of 3600000 ms (1); 744",
    ),
    Case(
        "hours and minutes in seconds",
        (start(0), end(90 * MINUTE + 7)),
        "completed; +0h 3600000 ms (1), +1h 1800007 ms (0); 5400.007",
        meter=SECONDS_METER,
    ),
    Case(
        "killed -9 between start and end",
        (start(0),),
        COMPLETED,
        awaited="open",
        then=(end(HALF),),
    ),
    Case(
        "killed -9 between end and start",
        (end(HALF),),
        COMPLETED,
        awaited="waiting",
        then=(start(0),),
    ),
    Case(
        "one of two workers killed, one stopped past its timeout",
        (start(0),),
        "completed, completed, completed, completed, completed, completed, completed, completed; "
        "+0h 14400000 ms (8); 4",
        awaited="open",
        then=(end(HALF),),
        session_ids=tuple(f"s{number}" for number in range(8)),
    ),
)


Rows = dict[str, list[dict[str, Any]]]


@dataclass
class Results:
    """What ClickHouse has about one tenant's customers, in the words of `Case.expected`."""

    sql: Sql
    tenant: str

    def got(self) -> dict[str, str]:
        """Return what there is of every case, by its name."""
        open_ = "session_id, sequence, duration_so_far_ms"
        hour = "dateDiff('hour', toDateTime({h:UInt32}, 'UTC'), window_start) AS hour"
        tables = (
            self._ask("session_id, sequence, state", "usage_sessions FINAL", "session_id, sequence"),
            self._ask(open_, "open_sessions", "session_id, sequence"),
            self._ask(f"{hour}, event_count, sum", "usage_rollups FINAL", "window_start"),
            self._ask("meter_id, toString(value) AS value", "meter_usage", "window_start"),
            self._ask("reason", "rejected_usage_events FINAL", "partition, offset"),
        )
        return {
            case.name: _described(case, *(rows.get(case.customer, []) for rows in tables)) for case in CASES
        }

    def states(self) -> dict[str, list[str]]:
        """Return the states of every customer's sessions."""
        rows = self._ask("state", "usage_sessions FINAL", "sequence")
        return {customer: [row["state"] for row in found] for customer, found in rows.items()}

    def _ask(self, columns: str, table: str, order: str) -> Rows:
        query = f"SELECT customer_id, {columns} FROM {table} WHERE tenant_id = {{t:String}} ORDER BY {order}"
        rows: Rows = {}
        for row in self.sql(query, t=self.tenant, h=str(H // 1000)):
            rows.setdefault(row["customer_id"], []).append(row)
        return rows


def _described(case: Case, sessions: Any, running: Any, rollups: Any, usage: Any, rejected: Any) -> str:
    assert {row["meter_id"] for row in usage} <= {case.meter}
    long_enough = {
        (row["session_id"], row["sequence"]) for row in running if int(row["duration_so_far_ms"]) >= 6 * HOUR
    }
    states = (
        row["state"] + " and running" * ((row["session_id"], row["sequence"]) in long_enough)
        for row in sessions
    )
    value = sum((Decimal(row["value"]) for row in usage), Decimal())
    reasons = [row["reason"] for row in rejected]
    return "; ".join([", ".join(states), _windows(rollups), f"{value.normalize():f}", *reasons])


def _windows(rollups: list[dict[str, Any]]) -> str:
    windows: dict[int, tuple[Decimal | None, int]] = {}
    for row in rollups:
        before, events = windows.get(int(row["hour"]), (None, 0))
        total = before if row["sum"] is None else (before or 0) + Decimal(row["sum"])
        windows[int(row["hour"])] = (total, events + int(row["event_count"]))
    totals = {total for total, _ in windows.values()}
    if len(windows) > 4 and len(totals) == 1:
        return f"{len(windows)} windows of {totals.pop():f} ms ({sum(one for _, one in windows.values())})"
    return ", ".join(_window(hour, *counted) for hour, counted in windows.items()) or "nothing"


def _window(hour: int, total: Decimal | None, events: int) -> str:
    return f"{hour:+d}h left" if total is None else f"{hour:+d}h {total.normalize():f} ms ({events})"


@pytest.fixture
def tenant(apply: Any, fresh: Any) -> str:
    """One with the catalogue's two session meters."""
    name = fresh("cases")
    meters = [meter for meter in catalogue() if meter.id in (HOURS_METER, SECONDS_METER)]
    apply(*({**meter.model_dump(mode="json"), "tenant_id": name} for meter in meters))
    return str(name)


@pytest.fixture
def second_worker(stack: Any, tmp_path: Path, eventually: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Another sessions worker of the stack's group, with partitions of its own; it leaves with the test."""
    settings = {
        "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": stack.endpoints.kafka_bootstrap_servers,
        "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": "second",
        "METERSTREAM_SESSION_TIMEOUT_SECONDS": "6",
    }
    output = tmp_path / "second.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "faust", "-A", "stream.sessions", "worker", "-l", "info", "--without-web"],
            env=os.environ | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "restored" in output.read_text(), within=60)
        yield process
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.wait()


def send(publish: Any, tenant: str, case: Case, boundaries: tuple[Moments, ...]) -> None:
    """Publish boundaries in the form of a producer that knows nothing of sessions' topics."""
    for index, moments in enumerate(boundaries):
        for session_id in case.session_ids:
            record = {
                "ai_event": True,
                "tenant_id": tenant,
                "meter_id": case.meter,
                "customer_id": case.customer,
                "device_id": "d1",
                "metadata": {"session_id": session_id} if session_id else {},
            }
            partition = case.partitions[min(index, len(case.partitions) - 1)]
            publish(json.dumps(record | moments).encode(), partition=partition)


@pytest.mark.timeout(480)
def test_every_case_ends_in_clickhouse_as_expected(
    stack: Any,
    sql: Sql,
    publish: Any,
    tenant: str,
    second_worker: "subprocess.Popen[bytes]",
    eventually: Any,
) -> None:
    results = Results(sql, tenant)
    for case in CASES:
        send(publish, tenant, case, case.first)
    for case in CASES:
        if case.awaited:
            wanted = [case.awaited] * len(case.session_ids)
            eventually(lambda case=case, wanted=wanted: results.states().get(case.customer) == wanted, 120)
    second_worker.send_signal(signal.SIGSTOP)
    os.kill(stack.endpoints.pids["sessions"], signal.SIGKILL)
    for case in CASES:
        send(publish, tenant, case, case.then)

    expected = {case.name: case.expected for case in CASES}
    with contextlib.suppress(AssertionError):
        eventually(lambda: results.got() == expected, within=120)
    second_worker.send_signal(signal.SIGCONT)
    settled(publish, tenant, results, eventually)
    found = results.got()
    print(table(expected, found))
    assert found == expected


def settled(publish: Any, tenant: str, results: Results, eventually: Any) -> None:
    """Wait for sessions stated last, some on every partition: what came before them is in ClickHouse."""
    last = Case("last", (start(0), end(1)), "", session_ids=tuple(f"last{number}" for number in range(24)))
    send(publish, tenant, last, last.first)
    eventually(lambda: results.states().get("last") == ["completed"] * 24, within=120)


def table(expected: dict[str, str], found: dict[str, str]) -> str:
    lines = ["| case | expected | got | |", "|---|---|---|---|"]
    for name, wanted in expected.items():
        sign = "equal" if wanted == found[name] else "DIFFERENT"
        lines.append(f"| {name} | {wanted} | {found[name]} | {sign} |")
    return "\n".join(lines)
