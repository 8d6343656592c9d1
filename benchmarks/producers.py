"""UsageProducer beside bare confluent-kafka producing the same bytes: `python -m benchmarks.producers`.

Both run in turns, in one process, against the broker of METERSTREAM_KAFKA_BOOTSTRAP_SERVERS or one of their
own; the best round of each counts, because whatever else the machine does only ever slows a round down.
Beside them the batches of token-usage-metrics, a client that counts in Redis; where it cannot be run, the
reason is said.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from benchmarks.errors import BenchmarkError
from benchmarks.redis_writes import REDIS_WRITES, measure_redis_writes
from deploy.local.embedded import embedded_kafka
from producers import UsageProducer, UsageRecord
from producers.event_encoder import EventEncoder
from producers.kafka_client import producer_config
from producers.settings import current_settings

EVENTS = 200_000
CUSTOMERS = 1_000
ROUNDS = 5
BATCH = 20_000

Work = Callable[[], float]


def main() -> None:
    """Print the rates, then one line of JSON."""
    with _broker() as servers, _topic(servers) as topic:
        works = _works(servers, topic)
        best = dict.fromkeys(works, float("inf"))
        for _ in range(ROUNDS):
            for name, work in works.items():
                best[name] = min(best[name], work())
    for name, seconds in best.items():
        print(f"{name:28} {EVENTS / seconds:10,.0f} events/s   {best['bare'] / seconds:.2f} of bare")
    own, bare = EVENTS / best["send, mappings"], EVENTS / best["bare"]
    figures = {
        "bare_events_per_second": round(bare),
        "events_per_second": round(own),
        "ratio_to_bare": round(own / bare, 3),
    }
    try:
        redis = measure_redis_writes()
    except BenchmarkError as error:
        print(f"{REDIS_WRITES}: {error}")
    else:
        print(f"{REDIS_WRITES:28} {redis:10,.0f} events/s   {redis / bare:.3f} of bare")
        figures["ratio_to_token_usage_metrics"] = round(own / redis, 1)
    print(orjson.dumps(figures).decode())


def _works(servers: str, topic: str) -> dict[str, Work]:
    mappings = [_event(number) for number in range(EVENTS)]
    records = [
        UsageRecord(
            each["tenant_id"],
            each["customer_id"],
            each["event_name"],
            each["properties"],
            each["timestamp"],
            each["event_id"],
        )
        for each in mappings
    ]
    encoded = [EventEncoder().encode(each)[1:] for each in mappings]
    return {
        "bare": lambda: _bare(servers, topic, encoded),
        "bare, every report taken": lambda: _bare_with_reports(servers, topic, encoded),
        "send, mappings": lambda: _send(servers, topic, mappings),
        "send, UsageRecord": lambda: _send(servers, topic, records),
        "send_many, mappings": lambda: _send_many(servers, topic, mappings),
    }


def _event(number: int) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "tenant_id": "tenant_1",
        "event_name": "page.processed.basic",
        "customer_id": f"customer_{number % CUSTOMERS}",
        "timestamp": 1_760_000_000_000 + number,
        "properties": {"total_usage": number % 50, "region": "eu"},
    }


def _bare_producer(servers: str) -> Producer:
    own = {"linger.ms": 10, "batch.size": 262_144, "queue.buffering.max.messages": 2 * EVENTS}
    return Producer(producer_config(servers, current_settings(), own))


def _bare(servers: str, topic: str, encoded: list[tuple[bytes, bytes]]) -> float:
    producer = _bare_producer(servers)
    producer.produce(topic, b"{}")
    producer.flush()
    begun = time.perf_counter()
    for key, value in encoded:
        producer.produce(topic, value, key)
    producer.flush()
    return time.perf_counter() - begun


def _bare_with_reports(servers: str, topic: str, encoded: list[tuple[bytes, bytes]]) -> float:
    producer = _bare_producer(servers)
    producer.produce(topic, b"{}")
    producer.flush()
    stored: list[tuple[int | None, int | None]] = []
    begun = time.perf_counter()
    for number, (key, value) in enumerate(encoded):
        producer.produce(
            topic,
            value,
            key,
            on_delivery=lambda _, report: stored.append((report.partition(), report.offset())),
        )
        if not number % 1_000:
            producer.poll(0)
    producer.flush()
    return time.perf_counter() - begun


def _send(servers: str, topic: str, events: list[Any]) -> float:
    with UsageProducer(servers, topic=topic) as producer:
        producer.send(events[0])
        producer.flush()
        begun = time.perf_counter()
        for event in events:
            producer.send(event)
        producer.flush()
        return time.perf_counter() - begun


def _send_many(servers: str, topic: str, events: list[Any]) -> float:
    with UsageProducer(servers, topic=topic) as producer:
        producer.send_many(events[:1])
        begun = time.perf_counter()
        for start in range(0, len(events), BATCH):
            producer.send_many(events[start : start + BATCH]).raise_for_failures()
        return time.perf_counter() - begun


@contextmanager
def _broker() -> Iterator[str]:
    given = os.environ.get("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(Path(directory)) as servers:
        yield servers


@contextmanager
def _topic(servers: str) -> Iterator[str]:
    admin = AdminClient({"bootstrap.servers": servers})
    topic = f"benchmark-{uuid4()}"
    config = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([NewTopic(topic, 4, 1, config=config)])[topic].result()
    try:
        yield topic
    finally:
        admin.delete_topics([topic])[topic].result()


if __name__ == "__main__":
    main()
