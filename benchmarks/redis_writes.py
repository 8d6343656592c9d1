"""Measures the batches of token-usage-metrics on a real redis-server, in the environment of that peer."""

import json
from typing import Final

from benchmarks.environments import Environment, last_line, run_to_end
from benchmarks.errors import MiscountError
from deploy.local.ports import choose_port, is_free

REDIS_WRITES: Final = "token-usage-metrics, Redis"
_EVENTS: Final = 20_000  # at a thousand or some thousands a second
_ROUNDS: Final = 2


def measure_redis_writes() -> float:
    """Events/s of its best round.

    Raises:
        BenchmarkError: it could not be installed or run, or Redis has not every event.
    """
    environment = Environment("token_usage_metrics")
    command = [environment.python(), str(environment.directory / "writer.py"), str(_EVENTS)]
    return max(_round(command) for _ in range(_ROUNDS))


def _round(command: list[str]) -> float:
    port = choose_port("redis-server", None, None, (), is_free)
    told = json.loads(last_line(run_to_end([*command, str(port)])))
    if told["stored"] != _EVENTS:
        raise MiscountError(f"Redis has {told['stored']:,} of {_EVENTS:,} events")
    return _EVENTS / float(told["seconds"])
