"""`python -m benchmarks`: the worker beside its peers, in turns, over the same events.

The last line of the output is one line of JSON, all medians: events_per_second and cpu_seconds_per_million of
the worker on one core, and how many times as fast it is as a plain Faust agent, the faster bare Python loop
and the fastest Kafka Streams. A ratio that could not be measured is left out, and the exit status is then 1.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from benchmarks.arena import opened
from benchmarks.command import run, say
from benchmarks.lineup import LINEUP, Entrant
from benchmarks.publishing import Published, make_topics, publish
from benchmarks.report import LEGEND, print_standings, save
from benchmarks.standings import is_whole, standings, summary
from benchmarks.turns import Outcome, prepared, take_turns


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured."""

    events: int
    first_events: int
    rounds: int
    minutes: float
    only: str


def main() -> int:
    options = _options()
    return run(lambda: _measure(options), is_whole)


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--first-events", type=int, default=120_000, help="of them, for whoever is slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=36.0, help="no round begins that would end later")
    parser.add_argument("--only", default="", help="contestants whose names have this in them")
    return Options(**vars(parser.parse_args()))


def _measure(options: Options) -> dict[str, float]:
    deadline = time.monotonic() + 60 * options.minutes
    entrants = [each for each in LINEUP if options.only.lower() in each.name.lower()]
    outcome = Outcome()
    _run(entrants, outcome, options, deadline)
    standing = standings([each.name for each in entrants], outcome.rounds, outcome.failures)
    figures = summary(standing)
    print_standings(standing.values(), "The worker beside its peers, each on one core")
    say(fill(LEGEND, 110))
    path = save(list(standing.values()), outcome.rounds, figures)
    say(f"saved to {os.path.relpath(path)} and {path.with_suffix('.md').name}")
    return figures


def _run(entrants: Sequence[Entrant], outcome: Outcome, options: Options, deadline: float) -> None:
    ready = prepared(entrants, outcome)
    with tempfile.TemporaryDirectory(prefix="meterstream-bench-") as directory:
        say("starting a broker")
        with opened(Path(directory)) as arena:
            make_topics(arena.bootstrap_servers)
            published = _publish(arena.bootstrap_servers, options)
            take_turns(ready, published, arena, outcome, rounds=options.rounds, deadline=deadline)


def _publish(bootstrap_servers: str, options: Options) -> Published:
    began = time.monotonic()
    published = publish(bootstrap_servers, options.events, options.first_events)
    whole = published.whole
    say(
        f"published {whole.events:,} events of {published.bytes / options.events:.0f} bytes with "
        f"{whole.duplicates:,} duplicates, which fill {len(whole.once):,} cells, "
        f"in {time.monotonic() - began:.0f} s"
    )
    return published


if __name__ == "__main__":
    sys.exit(main())
