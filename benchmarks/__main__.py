"""`python -m benchmarks`: the worker beside a plain Faust agent, in turns, over the same events.

The last line of the output is one line of JSON, all medians: events_per_second and cpu_seconds_per_million of
the worker on one core, and ratio_to_plain_agent.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import run, say
from benchmarks.contestants import Round
from benchmarks.cores import Cores
from benchmarks.plain_round import measure_plain_agent
from benchmarks.publishing import Published, make_topics, publish
from benchmarks.report import cpu_ratio, print_table, save, summary
from benchmarks.worker_round import measure_worker
from deploy.local.embedded import embedded_kafka


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    events: int
    rounds: int
    plain_events: int
    plain_rounds: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rounds of each contestant, which took turns."""

    worker: list[Round]
    plain: list[Round]


def main() -> int:
    options = _options()
    return run(lambda: _measure(options))


def _measure(options: Options) -> dict[str, float]:
    outcome = _run(options)
    medians = summary(outcome.worker, outcome.plain)
    title = "Every total equals what was published, duplicates removed (the plain agent: counted)"
    rounds = outcome.worker + outcome.plain
    print_table(rounds, title)
    say(
        f"The plain agent takes {cpu_ratio(outcome.worker, outcome.plain):.1f} times the CPU time an event, "
        "a figure that other load on the machine disturbs less than rates."
    )
    say(f"saved to {os.path.relpath(save(rounds, medians))}")
    return medians


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="of the worker")
    parser.add_argument("--plain-events", type=int, default=60_000, help="the plain agent's share of them")
    parser.add_argument("--plain-rounds", type=int, default=2)
    return Options(**vars(parser.parse_args()))


def _run(options: Options) -> Outcome:
    cores = Cores.of_this_machine()
    with tempfile.TemporaryDirectory(prefix="meterstream-bench-") as directory:
        home = Path(directory)
        with cores.leave_free():
            say("starting a broker")
            with embedded_kafka(home / "stack", heap="512m") as bootstrap_servers:
                return _turns(bootstrap_servers, options, cores, home / "logs")


def _turns(bootstrap_servers: str, options: Options, cores: Cores, logs: Path) -> Outcome:
    make_topics(bootstrap_servers)
    published = _publish(bootstrap_servers, options)
    outcome = Outcome([], [])
    for index in range(max(options.rounds, options.plain_rounds)):
        if index < options.rounds:
            outcome.worker.append(_said(measure_worker(bootstrap_servers, published.whole, cores, logs)))
        if index < options.plain_rounds:
            outcome.plain.append(_said(measure_plain_agent(bootstrap_servers, published.prefix, cores, logs)))
    return outcome


def _publish(bootstrap_servers: str, options: Options) -> Published:
    began = time.monotonic()
    published = publish(bootstrap_servers, options.events, options.plain_events)
    whole = published.whole
    say(
        f"published {whole.events:,} events of {published.bytes / whole.events:.0f} bytes with "
        f"{whole.duplicates:,} duplicates, which fill {len(whole.once):,} cells, "
        f"in {time.monotonic() - began:.0f} s"
    )
    return published


def _said(measured: Round) -> Round:
    say(
        f"{measured.contestant}: {measured.events_per_second:,.0f} events/s, "
        f"{measured.cpu_seconds_per_million:.2f} CPU s per million, load average {measured.load:.1f}"
    )
    return measured


if __name__ == "__main__":
    sys.exit(main())
