"""`python -m benchmarks.latency`: from publishing an event until SQL shows it, on the whole stack under load.

`meterstream up` runs with default settings and takes a steady load. Amid it a probe is published every tenth
of a second: an event of a tenant and a customer of its own, so that its row in `meter_usage` shows when it
was counted and stored. The clock starts just before the probe is handed to the producer, and ends with the
answer to the query that first shows it; queries follow each other at 50 ms, and that is part of the figure.
A second clock reads the time at which the worker's row reached `usage-rollups`: what is before it is the
worker's, what is after it the sink's and ClickHouse's.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.command import run, say
from benchmarks.contestants import end
from benchmarks.errors import ContestantEndedError, NotFinishedError
from benchmarks.probes import Probe, Probes
from benchmarks.report import print_lines
from benchmarks.steady_load import steady_load
from benchmarks.tailing import tail
from benchmarks.truth import METERS
from deploy.errors import NotRunningError
from deploy.local.endpoints import Endpoints
from deploy.local.process import Command, start
from deploy.local.process import tail as end_of
from producers.definitions import apply_meters
from schemas import USAGE_ROLLUPS

_UP_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.05
_PROBE_SECONDS: Final = 0.1
_LAST_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    rate: int
    seconds: float
    warm_up: float


def main() -> int:
    options = _options()
    return run(lambda: _measure(options))


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second beside the probes")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--warm-up", type=float, default=30.0, help="seconds of load before the first probe")
    return Options(**vars(parser.parse_args()))


def _measure(options: Options) -> Mapping[str, object]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meterstream-bench-")))
        say(f"bringing the stack up, with {options.rate:,} events/s")
        endpoints = stack.enter_context(_up(home / "stack"))
        servers = endpoints.kafka_bootstrap_servers
        tenant = f"probes-{secrets.token_hex(4)}"
        apply_meters(servers, (*METERS, Probes.meter(tenant)))
        rows = stack.enter_context(tail(servers, USAGE_ROLLUPS))
        probes = stack.enter_context(Probes.open(endpoints, tenant, rows))
        stack.enter_context(steady_load(servers, options.rate, home / "load.log"))
        seen = _watch(probes, options)
    _print(seen, options)
    whole = [probe.whole for probe in seen]
    return {
        "rate": options.rate,
        "probes": len(seen),
        "p50_seconds": round(_percentile(whole, 50), 3),
        "p99_seconds": round(_percentile(whole, 99), 3),
        "max_seconds": round(max(whole), 3),
    }


def _watch(probes: Probes, options: Options) -> list[Probe]:
    """Publish and look until every probe is seen.

    Raises:
        NotFinishedError: some never are.
    """
    due = time.time() + options.warm_up
    last = due + options.seconds
    while time.time() < last:
        while due <= time.time():
            probes.publish()
            due += _PROBE_SECONDS
        _look(probes)
    deadline = time.time() + _LAST_SECONDS
    while probes.pending and time.time() < deadline:
        _look(probes)
    if probes.pending:
        raise NotFinishedError(
            f"{len(probes.pending)} probes were not in ClickHouse {_LAST_SECONDS:.0f} s after the last was "
            f"published, {len(probes.seen)} were: is this machine fast enough for {options.rate:,} events/s?"
        )
    return probes.seen


def _look(probes: Probes) -> None:
    began = time.monotonic()
    probes.look()
    time.sleep(max(0.0, began + _POLL_SECONDS - time.monotonic()))


@contextmanager
def _up(state_dir: Path) -> Iterator[Endpoints]:
    """A `meterstream up` of its own, whatever servers the shell names."""
    own = {"METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": "", "METERSTREAM_CLICKHOUSE_URL": ""}
    environment = own | {"METERSTREAM_STATE_DIR": str(state_dir)}
    log = state_dir.with_suffix(".log")
    process = start(Command([sys.executable, "-m", "deploy.local"], environment), log)
    deadline = time.monotonic() + _UP_SECONDS
    try:
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ContestantEndedError(f"the stack did not come up:\n{end_of(log)}")
            try:
                endpoints = Endpoints.load(state_dir)
                break
            except NotRunningError:
                time.sleep(_POLL_SECONDS)
        yield endpoints
    finally:
        end(process)


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _print(seen: Sequence[Probe], options: Options) -> None:
    stages = (
        ("publish to usage-rollups", [probe.counted - probe.published for probe in seen]),
        ("usage-rollups to SQL", [probe.visible - probe.counted for probe in seen]),
        ("publish to SQL", [probe.whole for probe in seen]),
    )
    print_lines(
        f"Seconds for {len(seen):,} probes amid {options.rate:,} events/s",
        ("from, to", "p50", "p99", "most"),
        (
            [name, *(f"{value:.2f}" for value in (_percentile(all_, 50), _percentile(all_, 99), max(all_)))]
            for name, all_ in stages
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
