"""Real workers on a real broker: what is published, what their rows add up to, and how they are started."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from producers import apply_meters
from schemas import TABLE_HEADER, USAGE_EVENTS, USAGE_ROLLUPS, message_key, parse_meters

CUSTOMERS = 20
SESSION_SECONDS = 6  # the least a broker allows
ROW_KEY = ("customer_id", "window_start", "source_topic_id", "source_partition", "chunk_start")


class Usage:
    """Publishes one tenant's events, a tenth of them twice, and keeps what they add up to."""

    def __init__(self, bootstrap_servers: str, tenant: str) -> None:
        self.expected: Counter[str] = Counter()
        self._tenant = tenant
        self._numbers = count()
        self._producer = Producer({"log_level": 0, "bootstrap.servers": bootstrap_servers, "linger.ms": 5})
        apply_meters(
            bootstrap_servers,
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

    def publish(self, events: int, *, repeat_every: int = 10, partition: int = -1) -> None:
        self._producer.list_topics(timeout=30)  # there may be more partitions than before
        for number in (next(self._numbers) for _ in range(events)):
            customer = f"c{number % CUSTOMERS}"
            for _ in range(2 if number % repeat_every == 0 else 1):
                key = message_key(self._tenant, customer)
                self._producer.produce(USAGE_EVENTS, self._event(number, customer), key, partition)
            self.expected[customer] += number % 7
        assert self._producer.flush(60) == 0

    def _event(self, number: int, customer: str) -> bytes:
        event = {
            "event_id": str(number),
            "tenant_id": self._tenant,
            "event_name": "used",
            "customer_id": customer,
            "timestamp": int(time.time() * 1000) - number % 5 * 60_000,
            "properties": {"units": number % 7},
        }
        return json.dumps(event).encode()


class Rollups:
    """What is on usage-rollups, as ClickHouse would keep it: of each row the newest version."""

    def __init__(self, bootstrap_servers: str, tenant: str) -> None:
        self._tenant = tenant
        self._rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._chunks: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "rollups",
                "log_level": 0,
                "fetch.queue.backoff.ms": 5,
            }
        )
        partitions = self._consumer.list_topics(timeout=30).topics[USAGE_ROLLUPS].partitions
        self._consumer.assign(
            [TopicPartition(USAGE_ROLLUPS, partition, OFFSET_BEGINNING) for partition in partitions]
        )

    def counted(self) -> Counter[str]:
        """Return the units of each customer, by what can be read now."""
        self._read()
        totals: Counter[str] = Counter()
        for row in self._rows.values():
            totals[row["customer_id"]] += int(row["sum"])
        return totals

    def chunks(self) -> list[dict[str, Any]]:
        """Return the accounting of all chunks, those of other tests among them."""
        self._read()
        return list(self._chunks.values())

    def close(self) -> None:
        self._consumer.close()

    def _read(self) -> None:
        while messages := self._consumer.consume(1_000, 0.1):
            for message in messages:
                table, value = dict(message.headers() or ()).get(TABLE_HEADER), message.value() or b""
                if table == b"usage_chunks":
                    self._keep(self._chunks, value, "topic_id", "partition", "chunk_start")
                elif table == b"usage_rollups" and self._tenant.encode() in value:
                    self._keep(self._rows, value, *ROW_KEY)

    def _keep(self, rows: dict[tuple[Any, ...], dict[str, Any]], lines: bytes, *key: str) -> None:
        for row in map(json.loads, lines.splitlines()):
            identity = tuple(row[name] for name in key)
            known = rows.get(identity)
            if row.get("tenant_id", self._tenant) == self._tenant and (
                known is None or known["row_version"] <= row["row_version"]
            ):
                rows[identity] = row


@dataclass(frozen=True)
class Worker:
    """A worker process and what it says."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def says(self, text: str) -> bool:
        """Return whether it has said something so far, or one started before it under its name."""
        return text in self.log.read_text(errors="replace")


@pytest.fixture
def start_worker(fresh: Any, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts a worker of the test's own group: `start_worker(bootstrap_servers, name, CHUNK_SECONDS="2")`."""
    group, started = fresh("workers"), []

    def start(bootstrap_servers: str, name: str, **settings: str) -> Worker:
        defaults = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "CONSUMER_GROUP": group,
            "CONSUMER_GROUP_INSTANCE_ID": name,
            "SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "CHUNK_SECONDS": "2",
            "CHUNK_RECORDS": "5000",
        }
        environment = {f"METERSTREAM_{key}": value for key, value in (defaults | settings).items()}
        web = [] if "WEB_PORT" in settings else ["--without-web"]
        command = [sys.executable, "-m", "faust", "-A", "stream", "worker", "-l", "info", *web]
        path = tmp_path / f"{name}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=log, cwd=tmp_path
            )
        started.append(process)
        return Worker(process, path)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def new_usage() -> Callable[[str, str], Usage]:
    """Makes a tenant's usage on a broker: `new_usage(bootstrap_servers, tenant)`."""
    return Usage


@pytest.fixture
def new_rollups() -> Iterator[Callable[[str, str], Rollups]]:
    """Reads a tenant's rows on a broker: `new_rollups(bootstrap_servers, tenant)`."""
    begun: list[Rollups] = []

    def begin(bootstrap_servers: str, tenant: str) -> Rollups:
        begun.append(Rollups(bootstrap_servers, tenant))
        return begun[-1]

    yield begin
    for rollups in begun:
        rollups.close()
