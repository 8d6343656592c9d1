"""`python -m benchmarks.recovery`: how long a killed worker takes to be up to date again, under load.

A worker with default settings counts a steady load; it is ended by SIGKILL and started again at once under
the same instance id, as `meterstream up` does. It has recovered when, by its own accounting, it is less than
a second of traffic behind in every partition.

What bounds it: whoever resumes reads the open chunk and the two dedupe generations before it again, at most
METERSTREAM_CHUNK_RECORDS + 2 x METERSTREAM_DEDUPE_RECORDS records of each partition (524,288 by default, less
where seconds cut them shorter), then what was published meanwhile.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.command import run, say
from benchmarks.cores import Cores
from benchmarks.errors import NotFinishedError
from benchmarks.one_worker import OneWorker
from benchmarks.positions import Positions
from benchmarks.publishing import PARTITIONS, make_topics
from benchmarks.report import print_lines
from benchmarks.steady_load import steady_load
from benchmarks.tailing import Tail, tail
from deploy.local.embedded import embedded_kafka
from schemas import USAGE_ROLLUPS

_CURRENT_SECONDS: Final = 1.0
_LIMIT_SECONDS: Final = 180.0
_ECHO_SECONDS: Final = 0.3
"""Rows of the killed worker may be stored for so long; a new one takes longer to begin."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    rate: int
    rounds: int
    warm_up: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the kill until each phase was over; rows are sent about once a second, so that exact.

    Attributes:
        rejoined: It has its partitions: the process is started, its modules are imported, it is in the group.
        counting: It has sent its first rows of every partition: the dedupe generations are read again.
        reread: It has passed where it was killed: the chunk is counted again.
        current: It is less than a second of traffic behind.
    """

    rejoined: float
    counting: float
    reread: float
    current: float


def main() -> int:
    options = _options()
    return run(lambda: _measure(options))


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--rate", type=int, default=50_000, help="events a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds of load before each kill")
    return Options(**vars(parser.parse_args()))


def _measure(options: Options) -> Mapping[str, object]:
    cores = Cores.of_this_machine()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meterstream-bench-")))
        stack.enter_context(cores.leave_free())
        say(f"starting a broker, a worker and {options.rate:,} events/s")
        servers = stack.enter_context(embedded_kafka(home / "stack", heap="512m"))
        make_topics(servers)
        worker = stack.enter_context(OneWorker(servers, cores, home / "worker"))
        watch = _Watch(worker, stack.enter_context(tail(servers, USAGE_ROLLUPS)))
        stack.enter_context(steady_load(servers, options.rate, home / "load.log"))
        rounds = [_round(watch, options.warm_up * (1 + index / 7)) for index in range(options.rounds)]
    _print(rounds, options)
    return {
        "rate": options.rate,
        "seconds_to_recover": round(median(each.current for each in rounds), 2),
        "worst_seconds_to_recover": round(max(each.current for each in rounds), 2),
    }


class _Watch:
    """The worker, and what it says of itself."""

    def __init__(self, worker: OneWorker, rows: Tail) -> None:
        self.worker = worker
        self.positions = Positions()
        self._rows = rows

    def until(self, happened: Callable[[], bool]) -> float:
        """Read on until something has happened; returns when that was seen, epoch seconds."""
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not happened():
            if time.monotonic() > deadline:
                raise NotFinishedError(
                    f"the worker is not up to date after {_LIMIT_SECONDS:.0f} s; its positions: "
                    f"{self.positions.by_partition}"
                )
            self.worker.check()
            self.positions.take(self._rows.read())
        return time.time()

    def is_current(self, since: float) -> bool:
        said = self.positions.since(since).values()
        return len(said) == PARTITIONS and all(each.behind < _CURRENT_SECONDS for each in said)


def _round(watch: _Watch, warm_up: float) -> Recovery:
    """Let the load run, kill the worker, and watch it come back."""
    warm = time.time() + warm_up
    watch.until(lambda: time.time() > warm)
    watch.until(lambda: watch.is_current(warm))
    reached = {number: one.end for number, one in watch.positions.by_partition.items()}
    killed, has_rejoined = watch.worker.kill_and_start()
    silent = killed + _ECHO_SECONDS

    def has_passed() -> bool:
        said = watch.positions.since(silent)
        return len(said) == PARTITIONS and all(one.end >= reached[number] for number, one in said.items())

    moments = (
        watch.until(has_rejoined),
        watch.until(lambda: len(watch.positions.since(silent)) == PARTITIONS),
        watch.until(has_passed),
        watch.until(lambda: watch.is_current(silent)),
    )
    recovery = Recovery(*(moment - killed for moment in moments))
    say(f"up to date {recovery.current:.1f} s after the kill")
    return recovery


def _print(rounds: list[Recovery], options: Options) -> None:
    print_lines(
        f"Seconds after SIGKILL under {options.rate:,} events/s, one worker, {PARTITIONS} partitions",
        ("kill", "in its group", "generations read", "chunk read", "up to date"),
        (
            [str(number), *(f"{at:.1f}" for at in (each.rejoined, each.counting, each.reread, each.current))]
            for number, each in enumerate(rounds, 1)
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
