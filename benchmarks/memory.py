"""`python -m benchmarks.memory`: what one worker with default settings keeps in memory, and whether it grows.

The traffic: 10 million events of 100,000 customers on 4 partitions, published before the worker starts,
which then reads them at full speed. No event is a repeat; each has an id of its own. Event time moves on as
if there were 50,000 events a second, so windows open and close as in production.

Memory is read every second and shown by tenths of the events. Where nothing is kept that need not be, it
stands still once a chunk and two dedupe generations of each partition were read, about a tenth of the way.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final, NamedTuple

import psutil

from benchmarks.command import run, say
from benchmarks.cores import Cores
from benchmarks.errors import NotFinishedError
from benchmarks.one_worker import OneWorker
from benchmarks.positions import Positions
from benchmarks.publishing import await_stored, fast_producer, make_topics
from benchmarks.report import print_lines
from benchmarks.tailing import Tail, count_records, tail
from benchmarks.traffic import Traffic, send
from deploy.local.embedded import embedded_kafka
from schemas import USAGE_EVENTS, USAGE_ROLLUPS

_EVENTS_A_SECOND: Final = 50_000  # of event time
_EVERY_SECONDS: Final = 1.0
_STALLED_SECONDS: Final = 120.0
_TENTHS: Final = 10
_SIXTH: Final = 5  # its index


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    events: int
    customers: int


class Sample(NamedTuple):
    """Records read until then, and bytes: resident, and resident with shared pages shared out."""

    read: int
    resident: int
    proportional: int


def main() -> int:
    options = _options()
    return run(lambda: _measure(options))


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    return Options(**vars(parser.parse_args()))


def _measure(options: Options) -> Mapping[str, object]:
    cores = Cores.of_this_machine()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meterstream-bench-")))
        stack.enter_context(cores.leave_free())
        servers = stack.enter_context(embedded_kafka(home / "stack", heap="512m"))
        make_topics(servers)
        _publish(servers, options)
        records = count_records(servers, USAGE_EVENTS)
        rows = stack.enter_context(tail(servers, USAGE_ROLLUPS))
        began = time.monotonic()
        worker = stack.enter_context(OneWorker(servers, cores, home / "worker"))
        samples = _sample(worker, rows, records)
        seconds = time.monotonic() - began
    tenths = _by_tenth(samples, records)
    _print(tenths, records, seconds)
    return {
        "events": options.events,
        "customers": options.customers,
        "seconds": round(seconds, 1),
        "peak_resident_mb": round(max(sample.resident for sample in samples) / 1e6),
        "last_tenth_mb": round(_resident(tenths[-1]) / 1e6),
        "last_to_sixth_tenth": round(_resident(tenths[-1]) / _resident(tenths[_SIXTH]), 3),
    }


def _publish(servers: str, options: Options) -> None:
    began = time.monotonic()
    first = int(time.time() * 1000) - options.events * 1000 // _EVENTS_A_SECOND
    traffic = Traffic(options.customers, lambda number: first + number * 1000 // _EVENTS_A_SECOND)
    producer = fast_producer(servers)
    send(producer, traffic, 0, options.events)
    await_stored(producer)
    say(
        f"published {options.events:,} events of {options.customers:,} customers in "
        f"{time.monotonic() - began:.0f} s"
    )


def _sample(worker: OneWorker, rows: Tail, records: int) -> list[Sample]:
    """Sample the worker until it has read everything.

    Raises:
        BenchmarkError: it ended, or stands still.
    """
    process, positions, samples = psutil.Process(worker.pid), Positions(), [Sample(0, 0, 0)]
    due = moved = time.monotonic()
    while positions.read() < records:
        worker.check()
        positions.take(rows.read())
        if time.monotonic() < due:
            continue
        due += _EVERY_SECONDS
        if positions.read() > samples[-1].read:
            moved = time.monotonic()
        elif time.monotonic() > moved + _STALLED_SECONDS:
            raise NotFinishedError(f"the worker stands still at {positions.read():,} of {records:,} records")
        samples.append(_now(process, positions))
    return [*samples[1:], _now(process, positions)]


def _now(process: psutil.Process, positions: Positions) -> Sample:
    memory = process.memory_full_info()
    return Sample(positions.read(), memory.rss, getattr(memory, "pss", 0))


def _by_tenth(samples: Sequence[Sample], records: int) -> list[list[Sample]]:
    """Sort samples by the share of the records read; a tenth that no sample fell in takes the next sample."""
    tenths: list[list[Sample]] = [[] for _ in range(_TENTHS)]
    for sample in samples:
        tenths[min(_TENTHS - 1, sample.read * _TENTHS // records)].append(sample)
    for index in reversed(range(_TENTHS - 1)):
        tenths[index] = tenths[index] or tenths[index + 1][:1]
    return tenths


def _resident(tenth: Sequence[Sample]) -> float:
    return mean(sample.resident for sample in tenth)


def _print(tenths: Sequence[Sequence[Sample]], records: int, seconds: float) -> None:
    print_lines(
        f"Memory of a worker over {records:,} records in {seconds:.0f} s, means and most by tenths, MB",
        ("tenth", "samples", "resident", "most", "proportional"),
        (
            [
                str(number),
                str(len(tenth)),
                f"{_resident(tenth) / 1e6:,.0f}",
                f"{max(sample.resident for sample in tenth) / 1e6:,.0f}",
                f"{mean(sample.proportional for sample in tenth) / 1e6:,.0f}",
            ]
            for number, tenth in enumerate(tenths, 1)
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
