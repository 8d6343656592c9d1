"""The two programs of the quick comparison count the same, and an event's cost is that of one more."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import orjson
import pytest

from benchmarks.environments import PEERS
from benchmarks.quick import INSTRUCTIONS, PROGRAMS, per_event, write_events


def program(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [*sys.path, str(PEERS), str(PEERS / "bare_loops")])
    spec = importlib.util.spec_from_file_location(f"counted_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_core_and_bare_loop_count_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events"
    write_events(file, 2_000)
    values = file.read_bytes().splitlines()
    assert len(values) == 2_000

    by_core = {
        (row["meter_id"], row["tenant_id"], row["customer_id"], row["window_start"]): int(
            row["event_count"] if row["sum"] is None else float(row["sum"])
        )
        for row in map(orjson.loads, program("core", monkeypatch).count(values))
    }
    by_loop = {}
    for line in b"\n".join(program("loop", monkeypatch).count(values)).decode().splitlines():
        meter_id, tenant, customer, window, amount = line.split("|")
        by_loop[meter_id, tenant, customer, int(window)] = int(amount)
    assert by_core == by_loop


def test_the_cost_of_an_event_is_free_of_what_a_start_costs() -> None:
    costs = {"core": 20.0, "loop": 5.0}
    core, loop = per_event(INSTRUCTIONS, lambda name, count: 1_000_000 + costs[name] * count)
    assert (core, loop) == pytest.approx((20.0, 5.0))
