"""What the benchmarks' commands share: a run that ends what it started and says why it has no figures."""

import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping

from benchmarks.errors import BenchmarkError
from deploy.errors import DeployError
from producers.errors import PublishError

Figures = Mapping[str, object]


def run(measure: Callable[[], Figures], is_whole: Callable[[Figures], bool] = bool) -> int:
    """Measure, and print the figures as one line of JSON; returns the exit code, 1 where some are missing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    logging.basicConfig(level=logging.ERROR)
    try:
        figures = measure()
    except KeyboardInterrupt:
        return 130
    except (BenchmarkError, DeployError, PublishError) as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures), flush=True)
    return 0 if is_whole(figures) else 1


def say(text: str) -> None:
    """A line for whoever watches."""
    print(text, flush=True)
