"""Two workers share the partitions; one sleeps past its session, one is killed: the rows stay exact."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from producers import apply_meters
from schemas import USAGE_EVENTS, USAGE_ROLLUPS, message_key, parse_meters

SESSION_SECONDS = 6  # the least a broker allows
CUSTOMERS = 20


class Usage:
    """Publishes events, a tenth of them twice, and keeps what they add up to."""

    def __init__(self, bootstrap_servers: str, tenant: str) -> None:
        self.expected: Counter[str] = Counter()
        self._tenant = tenant
        self._numbers = count()
        self._producer = Producer({"log_level": 0, "bootstrap.servers": bootstrap_servers, "linger.ms": 5})

    def publish(self, events: int) -> None:
        for number in (next(self._numbers) for _ in range(events)):
            customer = f"c{number % CUSTOMERS}"
            event = {
                "event_id": str(number),
                "tenant_id": self._tenant,
                "event_name": "used",
                "customer_id": customer,
                "timestamp": int(time.time() * 1000) - number % 5 * 60_000,
                "properties": {"units": number % 7},
            }
            for _ in range(2 if number % 10 == 0 else 1):
                key = message_key(self._tenant, customer)
                self._producer.produce(USAGE_EVENTS, json.dumps(event).encode(), key)
            self.expected[customer] += number % 7
        assert self._producer.flush(30) == 0


@pytest.fixture
def start_worker(kafka_with_topics: str, fresh: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Starts a worker of the test's own group under a name."""
    group, started = fresh("workers"), []

    def start(name: str) -> "subprocess.Popen[bytes]":
        environment = {
            "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka_with_topics,
            "METERSTREAM_CONSUMER_GROUP": group,
            "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": name,
            "METERSTREAM_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "METERSTREAM_CHUNK_SECONDS": "2",
            "METERSTREAM_CHUNK_RECORDS": "5000",
        }
        command = [sys.executable, "-m", "faust", "-A", "stream", "worker", "-l", "info", "--without-web"]
        with (tmp_path / f"{name}.log").open("ab") as log:
            started.append(
                subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log, cwd=tmp_path)
            )
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def rows(bootstrap_servers: str, tenant: str) -> dict[tuple[Any, ...], tuple[int, str]]:
    """Return the newest version of each row, as ClickHouse would keep it."""
    newest: dict[tuple[Any, ...], tuple[int, str]] = {}
    consumer = Consumer({"log_level": 0, "bootstrap.servers": bootstrap_servers, "group.id": "rows"})
    for partition in range(4):
        position, end = consumer.get_watermark_offsets(TopicPartition(USAGE_ROLLUPS, partition))
        consumer.assign([TopicPartition(USAGE_ROLLUPS, partition, position)])
        while position < end:
            for message in consumer.consume(1_000, 1.0):
                position = (message.offset() or 0) + 1
                for line in (message.value() or b"").splitlines():
                    if tenant.encode() not in line:
                        continue  # of other tests, which need not be rows at all
                    row = json.loads(line)
                    key = (
                        row["customer_id"],
                        row["window_start"],
                        row["source_partition"],
                        row["chunk_start"],
                    )
                    newest[key] = max(newest.get(key, (0, "0")), (row["row_version"], row["sum"]))
    consumer.close()
    return newest


def test_a_worker_that_sleeps_past_its_session_and_one_that_is_killed_change_nothing(
    kafka_with_topics: str, start_worker: Callable[[str], Any], fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    apply_meters(
        kafka_with_topics,
        parse_meters(
            {
                "id": "units",
                "name": "Units",
                "tenant_id": tenant,
                "event_name": "used",
                "aggregation": {"type": "SUM", "field": "units"},
            }
        ),
    )

    def counted() -> Counter[str]:
        totals: Counter[str] = Counter()
        for (customer, *_), (_, units) in rows(kafka_with_topics, tenant).items():
            totals[customer] += int(units)
        return totals

    usage = Usage(kafka_with_topics, tenant)
    sleeper, victim = start_worker("sleeper"), start_worker("victim")
    usage.publish(4_000)
    eventually(lambda: counted() == usage.expected, within=60)

    usage.publish(4_000)
    sleeper.send_signal(signal.SIGSTOP)
    usage.publish(4_000)
    eventually(lambda: counted() == usage.expected, within=60)  # by the other, once the session is over
    usage.publish(4_000)
    sleeper.send_signal(signal.SIGCONT)
    usage.publish(4_000)
    victim.kill()
    victim.wait()
    start_worker("victim")
    usage.publish(4_000)
    eventually(lambda: counted() == usage.expected, within=60)
