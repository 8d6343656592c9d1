"""Whatever fails, the rows add up to a plain fold over the log.

Random histories of one partition: a log with repeats, late events and control records; workers with different
chunk and dedupe settings that die before, amid and after a flush, or between a commit and knowing of it; rows
that land long after their worker died; meters published while counting goes on. One meter sums, one tells
values apart.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from schemas import TABLE_HEADER
from stream.core.decoding import Decoder
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, stretches
from stream.core.pins import Pin, decode_pin, encode_pin
from stream.core.runs import Spacing
from stream.counting import Counting
from stream.emitting import Emitter
from stream.errors import PartitionLostError
from stream.owned import Batch, OwnedPartition

NOW = 1_767_225_600_000
DEPLOYMENTS = [  # chunks, dedupe generations
    (Spacing(64, 60), Spacing(40, 90)),
    (Spacing(48, 60), Spacing(40, 90)),
    (Spacing(64, 45), Spacing(25, 90)),
    (Spacing(48, 60), Spacing(40, 50)),
]
RECORDS = 400

Row = dict[str, Any]
Where = tuple[str, int]


class WorkerDiedError(Exception):
    """What SIGKILL does to a worker, as far as this test can do it."""


def make_log(rng: random.Random) -> list[Record]:
    clock, log = NOW, []
    for offset in range(RECORDS):
        clock = max(
            NOW, clock + 1000 * rng.choice([0, 0, 0, 1, 1, 2, 7, -1])
        )  # a failover steps the clock back
        if rng.random() < 0.01:
            headers = (("meterstream-control", b"definitions"),)
            log.append(Record(offset, clock, headers=headers))
            continue
        repeated = rng.random() < 0.1
        event = {
            "event_id": str(rng.randrange(max(0, offset - 60), offset + 1) if repeated else offset),
            "tenant_id": "acme",
            "event_name": "used",
            "customer_id": f"c{rng.randrange(5)}",
            "timestamp": NOW - rng.choice([0, 1, 2, 5_000]) * 60_000,
            "properties": {"units": rng.randrange(1, 9), "user": f"u{rng.randrange(8)}"},
        }
        log.append(Record(offset, clock, value=json.dumps(event).encode()))
    return log


@dataclass
class Totals:
    """What a customer's windows come to: of the meter that sums, and of the one that tells users apart."""

    units: Counter[Where] = field(default_factory=Counter)
    events: Counter[Where] = field(default_factory=Counter)
    users: defaultdict[Where, set[str]] = field(default_factory=lambda: defaultdict(set))


def plain_fold(log: Sequence[Record], chunks: dict[int, Row]) -> Totals:
    """Count each event once; a repeat of an id in its dedupe generation or the one before is none.

    How long a generation is depends on the deployment that pinned a chunk, so the accounting says it.
    """
    first, generation, seen, totals = log[0], 0, dict[str, int](), Totals()
    for record in log:
        chunk = chunks[max(start for start in chunks if start <= record.offset)]
        is_long = record.timestamp - first.timestamp >= chunk["dedupe_seconds"] * 1000
        if is_long or record.offset - first.offset >= chunk["dedupe_records"]:
            first, generation = record, generation + 1
        if record.value is None:
            continue
        event = json.loads(record.value)
        last = seen.get(event["event_id"])
        seen[event["event_id"]] = generation
        if last is None or generation - last > 1:
            where = event["customer_id"], event["timestamp"] // 60_000 * 60
            totals.units[where] += event["properties"]["units"]
            totals.events[where] += 1
            totals.users[where].add(event["properties"]["user"])
    return totals


@dataclass
class Store:
    """ClickHouse, as far as it matters: of each row the highest version stays."""

    rows: dict[tuple[Any, ...], Row] = field(default_factory=dict)

    KEY = ("meter_id", "customer_id", "window_start", "meter_version", "chunk_start", "value")

    def insert(self, published: Sequence[tuple[bytes, bytes]]) -> None:
        for table, lines in published:
            for line in lines.splitlines():
                row = json.loads(line)
                key = (table, *(row.get(name) for name in self.KEY))
                if key not in self.rows or self.rows[key]["row_version"] <= row["row_version"]:
                    self.rows[key] = row

    def of(self, table: bytes) -> list[Row]:
        return [row for (name, *_), row in self.rows.items() if name == table]

    @property
    def chunks(self) -> dict[int, Row]:
        return {row["chunk_start"]: row for row in self.of(b"usage_chunks")}

    def totals(self) -> Totals:
        totals = Totals()
        for row in self.of(b"usage_rollups"):
            where = row["customer_id"], row["window_start"]
            if row["aggregation"] == "SUM":
                totals.units[where] += int(row["sum"])
            else:
                totals.events[where] += row["event_count"]
        for row in self.of(b"usage_distinct_values"):
            totals.users[row["customer_id"], row["window_start"]].add(row["value"])
        return totals


class Broker:
    """The committed pin, the definitions, and rows on their way: some die, some land later."""

    def __init__(self, rng: random.Random, definition: Callable[..., Definition]) -> None:
        self.rng = rng
        self.store = Store()
        self.commit: tuple[int, str] | None = None
        self.in_flight: list[tuple[bytes, bytes]] = []
        self.late: list[list[tuple[bytes, bytes]]] = []
        self._definition = definition
        self._versions = 1

    def produce(self, _topic: str, value: bytes | None, _key: bytes | None = None, headers: Any = ()) -> None:
        self.in_flight.append((dict(headers)[TABLE_HEADER], value or b""))

    is_crowded = False

    async def has_room(self) -> None:
        """There always is."""

    def poll(self) -> None:
        dice = self.rng.random()
        if dice < 0.05:
            raise WorkerDiedError
        if dice < 0.5:
            self._land()

    async def drain(self) -> None:
        if self.rng.random() < 0.05:
            raise WorkerDiedError
        self._land()

    def _land(self) -> None:
        self.store.insert(self.in_flight)
        self.in_flight = []
        if self.late and self.rng.random() < 0.3:
            self.store.insert(self.late.pop(self.rng.randrange(len(self.late))))

    def worker_died(self) -> None:
        """Of what was in flight, some of each message may land now, or later, or never."""
        fate = self.rng.random()
        if fate < 0.3:
            self.store.insert(self.rng.sample(self.in_flight, len(self.in_flight) // 2))
        elif fate < 0.7:
            self.late.append(self.in_flight)
        self.in_flight = []

    async def commit_pin(self, _partition: int, pin: Pin) -> None:
        if self.rng.random() < 0.05:
            raise PartitionLostError("refused, though more batches come before the rebalance")
        self.commit = (pin.chunk_start, encode_pin(pin))
        if self.rng.random() < 0.1:
            raise WorkerDiedError  # the broker has it, the worker never knew

    def end(self) -> int:
        self._versions += self.rng.random() < 0.2
        return self._versions

    def known_at(self, end: int) -> DefinitionSet:
        meters = {"units": Aggregation.SUM, "user": Aggregation.COUNT_UNIQUE}
        return DefinitionSet(
            self._definition(
                meter_id=field, meter_version=version, event_name="used", aggregation=kind, field=field
            )
            for version in range(1, end + 1)
            for field, kind in meters.items()
        )


async def run_worker(log: list[Record], broker: Broker, *, obey_pins: bool) -> bool:
    """Count from the pin until the worker dies; True when it has read the whole log and all rows landed."""
    rng = broker.rng
    pin = None if broker.commit is None else decode_pin(*broker.commit)
    chunk_spacing, dedupe_spacing = rng.choice(DEPLOYMENTS)
    if pin is not None and not obey_pins:
        pin = Pin(
            chunk_start=pin.chunk_start,
            topic_id=pin.topic_id,
            bucket=pin.bucket,
            chunk_records=chunk_spacing.records,
            chunk_seconds=chunk_spacing.seconds,
            dedupe_records=pin.dedupe_records,
            dedupe_seconds=pin.dedupe_seconds,
            definitions_end=broker.end(),
            previous_generation=pin.previous_generation,
            current_generation=pin.current_generation,
            current_generation_time=pin.current_generation_time,
        )
    counting = Counting(
        chunk_spacing=chunk_spacing,
        dedupe_spacing=dedupe_spacing,
        decoder=Decoder("foreign"),
        definitions=broker,
        emitter=Emitter(broker, count().__next__, flush_seconds=0.5, row_budget=10**9),
        commit_pin=broker.commit_pin,
    )
    counting.resume([OwnedPartition(Source("usage-events", "topic-id", 0), pin, seek=1)])
    position, lost = 0 if pin is None else pin.previous_generation, False
    try:
        while position < len(log):
            end = position + rng.randrange(1, 50)
            try:
                await counting.count(0, Batch(stretches(log[position:end]), seek=1))
            except PartitionLostError:
                lost = True
            position = end
        await broker.drain()
    except WorkerDiedError:
        broker.worker_died()
        return False
    return not lost


def history(
    seed: int, definition: Callable[..., Definition], *, obey_pins: bool = True
) -> tuple[Store, list[Record]]:
    rng = random.Random(seed)
    log = make_log(rng)
    broker = Broker(rng, definition)
    while not asyncio.run(run_worker(log, broker, obey_pins=obey_pins)):
        pass
    for published in broker.late:
        broker.store.insert(published)
    return broker.store, log


@pytest.mark.parametrize("seed", range(60))
def test_a_failing_history_counts_what_a_plain_fold_counts(
    seed: int, definition: Callable[..., Definition]
) -> None:
    store, log = history(seed, definition)

    assert store.totals() == plain_fold(log, store.chunks)
    assert sum(chunk["read"] for chunk in store.chunks.values()) == len(log)


def test_the_check_can_fail_a_worker_that_does_not_obey_its_pins_miscounts(
    definition: Callable[..., Definition],
) -> None:
    wrong = 0
    for seed in range(30):
        store, log = history(seed, definition, obey_pins=False)
        wrong += store.totals() != plain_fold(log, store.chunks)

    assert wrong > 0
