"""The outbox: calls of put, and how fast jobs are drained: `python -m benchmarks.outbox [--events 1000000]`.

One thread and several call put; then so many usage events are spooled, and drained into the broker of
METERSTREAM_KAFKA_BOOTSTRAP_SERVERS or one of its own. Every event must be on the topic once in the end.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from benchmarks.command import run, say
from benchmarks.errors import BenchmarkError
from deploy.local.embedded import embedded_kafka
from producers.outbox import (
    BatchPublisher,
    Counts,
    Drain,
    KeyOrganizationModel,
    Queue,
    QueueConfig,
    ThreadPool,
    UsagePublisher,
    build_job_data,
)

THREADS: Final = 8
BATCH: Final = 1_000
ONE_BY_ONE: Final = 5_000
"""Jobs for a pool whose handler publishes one at a time."""
IN_BATCHES: Final = 200_000
"""Jobs that are drained by transactions."""
PARTITIONS: Final = 4
_LOOK_SECONDS: Final = 0.05


def main(words: Sequence[str] | None = None) -> int:
    """Print the figures, then one line of JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outbox", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="how many are spooled and drained")
    parser.add_argument("--puts", type=int, default=5_000, help="calls of put that are timed, for each row")
    parser.add_argument("--directory", help="where the outbox is written: a directory on the disk to measure")
    arguments = parser.parse_args(words)
    return run(lambda: _measure(arguments.events, arguments.puts, arguments.directory))


def _measure(events: int, puts: int, where: str | None) -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=where) as name, _broker(Path(name)) as servers:
        directory = Path(name)
        figures: dict[str, object] = {}
        for synchronous in ("full", "normal"):
            for threads in (1, THREADS):
                config = QueueConfig(directory / f"{synchronous}-{threads}.sqlite3", synchronous)
                figures |= _named(f"put_{synchronous}_{threads}", _put(config, puts, threads))
        return figures | _spool_and_drain(QueueConfig(directory / "spool.sqlite3"), servers, events)


def _put(config: QueueConfig, calls: int, threads: int) -> dict[str, float]:
    """Calls a second of all threads together, and the 50th and 99th percentile of a call."""
    queue = Queue(config)
    queue.put(_request())
    seconds: list[float] = []

    def work() -> None:
        own = []
        for _ in range(calls // threads):
            begun = time.perf_counter()
            queue.put(_request())
            own.append(time.perf_counter() - begun)
        seconds.extend(own)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - begun
    queue.close()
    seconds.sort()
    rate, middle, slow = (
        len(seconds) / elapsed,
        seconds[len(seconds) // 2],
        seconds[len(seconds) * 99 // 100],
    )
    say(
        f"put, {config.synchronous:6} {threads} threads {rate:10,.0f} calls/s"
        f"   p50 {middle * 1e3:.2f} ms   p99 {slow * 1e3:.2f} ms"
    )
    return {"per_second": round(rate), "p50_ms": round(middle * 1e3, 3), "p99_ms": round(slow * 1e3, 3)}


def _spool_and_drain(config: QueueConfig, servers: str, events: int) -> dict[str, object]:
    queue = Queue(config)
    begun = time.perf_counter()
    for first in range(0, events, BATCH):
        queue.put_usage(*map(_event, range(first, min(first + BATCH, events))))
    spooled = time.perf_counter() - begun
    size = _size(Path(str(config.path)))
    say(
        f"spooled {events:,} in batches of {BATCH:,}: {events / spooled:,.0f}/s, {size / 1e6:,.0f} MB on disk"
    )
    with _topic(servers) as topic:
        drained = _drain(config, UsagePublisher(servers, topic=topic))
        _check(servers, topic, events)
    say(f"drained in {drained:,.1f} s: {events / drained:,.0f}/s")
    batches = min(events, IN_BATCHES)
    for first in range(0, batches, BATCH):
        queue.put_usage(*map(_event, range(first, min(first + BATCH, batches))))
    with _topic(servers) as topic:
        in_batches = batches / _drain(config, BatchPublisher(servers, topic, topic=topic))
    say(f"drained exactly once, by transactions: {in_batches:,.0f}/s")
    with _topic(servers) as topic:
        queue.put_usage(*map(_event, range(ONE_BY_ONE)))
        publisher = UsagePublisher(servers, topic=topic)
        begun = time.perf_counter()
        with ThreadPool(THREADS, publisher, config):
            _await_empty(queue)
            one_by_one = ONE_BY_ONE / (time.perf_counter() - begun)
        publisher.close()
        _check(servers, topic, ONE_BY_ONE)
    say(f"a pool of {THREADS} threads, job by job: {one_by_one:,.0f}/s")
    return {
        "events": events,
        "spooled_per_second": round(events / spooled),
        "bytes_on_disk": size,
        "drain_seconds": round(drained, 1),
        "drained_per_second": round(events / drained),
        "exactly_once_per_second": round(in_batches),
        "pool_per_second": round(one_by_one),
    }


def _drain(config: QueueConfig, publisher: UsagePublisher | BatchPublisher) -> float:
    begun = time.perf_counter()
    drain = Drain(config=config, publisher=publisher)
    _await_empty(drain.queue)
    seconds = time.perf_counter() - begun
    drain.stop()
    return seconds


def _await_empty(queue: Queue) -> None:
    while queue.oldest_put_ms() is not None or queue.counts() != Counts():
        time.sleep(_LOOK_SECONDS)


def _check(servers: str, topic: str, events: int) -> None:
    """Nothing was killed, so that no event may be missing and none may be there twice."""
    consumer = Consumer({"log_level": 0, "bootstrap.servers": servers, "group.id": "benchmark"})
    try:
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, each)) for each in range(PARTITIONS)]
    finally:
        consumer.close()
    stored = sum(end - begin for begin, end in ends)
    if stored != events:
        raise BenchmarkError(f"{events} events were put and {stored} are on {topic}")


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def _request() -> Any:  # noqa: ANN401 - a CounterJobDict is no Mapping to mypy
    return build_job_data("MAPS", "load", KeyOrganizationModel(pk=7, project_pk=12), source="js-sdk")


def _event(number: int) -> dict[str, Any]:
    return {
        "tenant_id": "tenant_1",
        "event_name": "page.processed.basic",
        "customer_id": f"customer_{number % 1_000}",
        "timestamp": 1_760_000_000_000 + number,
        "properties": {"total_usage": number % 50, "region": "eu"},
    }


def _named(prefix: str, figures: dict[str, float]) -> dict[str, object]:
    return {f"{prefix}_{name}": value for name, value in figures.items()}


@contextmanager
def _broker(directory: Path) -> Iterator[str]:
    given = os.environ.get("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with embedded_kafka(directory / "kafka") as servers:
        yield servers


@contextmanager
def _topic(servers: str) -> Iterator[str]:
    admin = AdminClient({"bootstrap.servers": servers})
    topic = f"benchmark-{uuid4()}"
    config = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=config)])[topic].result()
    try:
        yield topic
    finally:
        admin.delete_topics([topic])[topic].result()


if __name__ == "__main__":
    raise SystemExit(main())
