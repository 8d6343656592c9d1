"""`python -m tests.chaos --seed 1 --minutes 5`: exit code 0 where every count is right, else 1."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.errors import DeployError
from tests.chaos.cluster import POLICIES
from tests.chaos.drill import Drill, run
from tests.chaos.schedule import EVERYTHING, KILLED_WORKERS, Size, schedule
from tests.chaos.summary import summary

_PROFILES: Final = {"pinned": EVERYTHING, "early-pin": KILLED_WORKERS}


def main(arguments: list[str] | None = None) -> int:
    """Run a drill and print what it came to; its files are kept where anything differs."""
    options = _options(arguments)
    size = Size(options.brokers, options.workers, options.sinks)
    seconds = options.minutes * 60
    profile = _PROFILES[options.faults or options.policy]
    drill = Drill(
        options.seed,
        seconds,
        options.rate,
        size,
        POLICIES[options.policy],
        schedule(options.seed, seconds, size, profile),
    )
    path = Path(tempfile.mkdtemp(prefix=f"meterstream-chaos-{options.seed}-"))
    say(f"{len(drill.faults)} faults planned; files in {path}")
    try:
        outcome = run(drill, path, say)
    except (DeployError, TimeoutError) as error:
        say(f"error: {error}\nlogs in {path / 'logs'}")
        return 1
    print(summary(outcome))
    if not outcome.verdict.is_exact:
        print(f"logs and data in {path}")
        return 1
    if outcome.deaths:
        print(f"logs in {path / 'logs'}")
        for data in ("state", "work"):
            shutil.rmtree(path / data)
    else:
        shutil.rmtree(path)
    return 0


def say(line: str) -> None:
    """A line for whoever watches."""
    print(line, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what the faults and the events follow from")
    parser.add_argument("--minutes", type=float, default=5.0, help="of load")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--workers", type=int, default=1, help="at first")
    parser.add_argument("--sinks", type=int, default=2)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second")
    parser.add_argument("--policy", choices=tuple(POLICIES), default="pinned", help="how workers commit")
    parser.add_argument("--faults", choices=tuple(_PROFILES), help="those meant for a policy")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
