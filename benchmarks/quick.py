"""`python -m benchmarks.quick`: what an event costs in the stream's core beside a bare loop, in a minute.

A guard against a core that grows slow unnoticed, not a measurement of speed. Where valgrind is there it
counts instructions, which no other load disturbs; elsewhere it compares the CPU time of both in one run. Each
program runs over a few and over many events: the difference is the events' own, without interpreter and
imports. The ratio is printed and never failed on.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.command import run, say
from benchmarks.environments import PEERS
from benchmarks.errors import ContestantEndedError
from benchmarks.workload import events

PROGRAMS: Final = Path(__file__).with_name("counted")
_ROOT: Final = Path(__file__).parents[1]
_CORE: Final = "core"
_LOOP: Final = "loop"
_COLLECTED: Final = re.compile(r"Collected\s*:\s*(\d+)")
_ROUNDS: Final = 3
_HOUR: Final = 2_000_000  # events, few of which are a window's first

Cost = Callable[[str, int], float]
"""What a program costs over so many events."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A way to tell what a program costs: `few` and `many` are the events it is given."""

    unit: str
    per_event: str
    few: int
    many: int
    cost: Callable[[Path], Cost]


def main() -> int:
    return run(_measure)


def _measure() -> Mapping[str, object]:
    gauge = INSTRUCTIONS if shutil.which("valgrind") else MICROSECONDS
    with tempfile.TemporaryDirectory(prefix="meterstream-quick-") as directory:
        values = Path(directory) / "events"
        write_events(values, gauge.many)
        core, loop = per_event(gauge, gauge.cost(values))
    say(f"an event in the core:      {core:10,.1f} {gauge.unit}")
    say(f"an event in the bare loop: {loop:10,.1f} {gauge.unit}, which neither checks nor deduplicates")
    return {
        f"core_{gauge.per_event}": round(core, 1),
        f"bare_loop_{gauge.per_event}": round(loop, 1),
        "ratio": round(core / loop, 3),
    }


def write_events(path: Path, count: int) -> None:
    """Write the first events of an hour of usage, a line each, without repeats: the loop would count them."""
    fresh = (event.value() for event, is_repeat in events(_HOUR) if not is_repeat)
    path.write_bytes(b"\n".join(islice(fresh, count)))


def per_event(gauge: Gauge, cost: Cost) -> tuple[float, float]:
    """The cost of one event more in the core, and in the bare loop."""
    core, loop = (
        (cost(program, gauge.many) - cost(program, gauge.few)) / (gauge.many - gauge.few)
        for program in (_CORE, _LOOP)
    )
    return core, loop


def _instructions(values: Path) -> Cost:
    runs = [(program, count) for program in (_CORE, _LOOP) for count in (_FEW, _MANY)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda each: _count_instructions(values, *each), runs)
        counted = dict(zip(runs, counts, strict=True))
    return lambda program, count: counted[program, count]


def _count_instructions(values: Path, program: str, count: int) -> float:
    said = _run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], values, program, count)
    found = _COLLECTED.search(said)
    if found is None:
        raise ContestantEndedError(f"valgrind said nothing of instructions: {said[-300:]}")
    return float(found[1])


def _microseconds(values: Path) -> Cost:
    """The least of several runs, for other load only ever adds."""

    def used(program: str, count: int) -> float:
        return min(_cpu_microseconds(values, program, count) for _ in range(_ROUNDS))

    return used


def _cpu_microseconds(values: Path, program: str, count: int) -> float:
    before = _children_seconds()
    _run([], values, program, count)
    return (_children_seconds() - before) * 1e6


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(under: list[str], values: Path, program: str, count: int) -> str:
    command = [*under, sys.executable, str(PROGRAMS / f"{program}.py"), str(values), str(count)]
    path = os.pathsep.join(map(str, (_ROOT, PEERS, PEERS / "bare_loops")))
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ContestantEndedError(f"{program}.py ended with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


_FEW: Final = 1_000
_MANY: Final = 11_000
INSTRUCTIONS: Final = Gauge("instructions", "instructions_per_event", _FEW, _MANY, _instructions)
MICROSECONDS: Final = Gauge("microseconds of CPU", "microseconds_per_event", 10_000, 110_000, _microseconds)


if __name__ == "__main__":
    sys.exit(main())
