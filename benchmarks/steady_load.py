"""Publishes at a steady rate until it is ended: `python -m benchmarks.steady_load BOOTSTRAP_SERVERS RATE`.

A process of its own, so that what watches does not slow it down. Event time is the wall clock.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.publishing import await_stored, fast_producer
from benchmarks.traffic import Traffic, send
from deploy.local.process import Command, start

_TICK_SECONDS: Final = 0.01
_CUSTOMERS: Final = 1_000
_END_SECONDS: Final = 30.0


def main() -> int:
    """Publish; where it cannot keep the rate, it makes up for the last second and no more."""
    bootstrap_servers, rate = sys.argv[1], int(sys.argv[2])
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    producer = fast_producer(bootstrap_servers)
    traffic = Traffic(_CUSTOMERS, lambda _: int(time.time() * 1000), source=f"load-{time.time_ns()}-")
    sent, due = 0, time.monotonic()
    while not ended:
        share = max(1, int(rate * _TICK_SECONDS))
        send(producer, traffic, sent, share)
        producer.poll(0)
        sent += share
        due = max(due + share / rate, time.monotonic() - 1.0)
        time.sleep(max(0.0, due - time.monotonic()))
    await_stored(producer)
    return 0


@contextmanager
def steady_load(bootstrap_servers: str, rate: int, log: Path) -> Iterator[None]:
    """Traffic of 1,000 customers for as long as the block runs, so many events a second."""
    process = start(
        Command([sys.executable, "-m", "benchmarks.steady_load", bootstrap_servers, str(rate)]), log
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
