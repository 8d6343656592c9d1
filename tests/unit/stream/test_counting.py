"""The order of steps that exactness rests on, and what is left uncounted."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stream.core.decoding import Decoder
from stream.core.definitions import Definition, DefinitionSet
from stream.core.log import Record, Source, stretches
from stream.core.pins import Pin
from stream.core.runs import Spacing
from stream.counting import Counting
from stream.emitting import Emitter
from stream.errors import PartitionLostError
from stream.owned import Batch, OwnedPartition

Bytes = Callable[..., bytes]
MakeRecord = Callable[..., Record]
SOURCE = Source("usage-events", "topic-id", 0)


class Journal:
    """Writes down every step in order; stands in for the broker, the definitions and the pins."""

    def __init__(self, definitions: list[Definition]) -> None:
        self.steps: list[str] = []
        self.definitions = definitions
        self.published: list[tuple[str, bytes | None, dict[str, bytes | None]]] = []
        self.on_commit: Callable[[], None] = lambda: None

    def produce(
        self,
        topic: str,
        value: bytes | None,
        _key: bytes | None = None,
        headers: Any = (),
        partition: int = -1,  # noqa: ARG002 - of the outbox's signature
    ) -> None:
        self.steps.append(f"produce {topic}")
        self.published.append((topic, value, dict(headers)))

    is_crowded = False

    async def has_room(self) -> None:
        """There always is."""

    def poll(self) -> None:
        """Nothing comes in."""

    async def drain(self) -> None:
        self.steps.append("acknowledged")

    async def commit_pin(self, _partition: int, pin: Pin) -> None:
        self.steps.append(f"pin {pin.chunk_start}")
        self.on_commit()

    def end(self) -> int:
        self.steps.append("definitions end")
        return len(self.definitions)

    def known_at(self, end: int) -> DefinitionSet:
        return DefinitionSet(self.definitions[:end])


@pytest.fixture
def journal(definition: Callable[..., Definition]) -> Journal:
    return Journal([definition()])


@pytest.fixture
def counting(journal: Journal) -> Counting:
    return Counting(
        chunk_spacing=Spacing(10, 3_600),
        dedupe_spacing=Spacing(10, 3_600),
        decoder=Decoder("foreign"),
        definitions=journal,
        emitter=Emitter(journal, lambda: 0.0, flush_seconds=1.0, row_budget=1_000),
        commit_pin=journal.commit_pin,
    )


def owned(pin: Pin | None = None, seek: int = 1) -> OwnedPartition:
    return OwnedPartition(SOURCE, pin, seek)


def batch(record: MakeRecord, event_bytes: Bytes, offsets: range, seek: int = 1) -> Batch:
    return Batch(stretches(record(offset, event_bytes(event_id=str(offset))) for offset in offsets), seek)


def test_a_pin_comes_before_the_first_row_and_after_the_last_acknowledgement(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    counting.resume([owned()])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(5, 12))))

    assert journal.steps == [
        "definitions end",
        "pin 5",
        "produce usage-rollups",
        "produce usage-rollups",
        "acknowledged",
        "definitions end",
        "pin 10",
    ]
    assert [headers["meterstream-table"] for _, _, headers in journal.published] == [
        b"usage_rollups",
        b"usage_chunks",
    ]


def test_a_batch_read_before_the_last_seek_is_not_counted(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    counting.resume([owned(seek=2)])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(3), seek=1)))

    assert journal.steps == []


def test_a_partition_let_go_is_not_counted(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    counting.resume([owned()])
    counting.let_go()
    asyncio.run(counting.count(0, batch(record, event_bytes, range(3))))

    assert journal.steps == []


def test_a_partition_lost_while_its_pin_was_under_way_is_not_counted_further(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    counting.resume([owned()])
    journal.on_commit = counting.let_go

    with pytest.raises(PartitionLostError):
        asyncio.run(counting.count(0, batch(record, event_bytes, range(3))))
    assert journal.published == []


def test_after_a_refused_pin_nothing_is_counted_before_the_partition_is_read_anew(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    def refuse() -> None:
        raise PartitionLostError("another worker owns it")

    counting.resume([owned()])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(8))))
    journal.on_commit = refuse
    with pytest.raises(PartitionLostError):
        asyncio.run(counting.count(0, batch(record, event_bytes, range(8, 15))))
    journal.on_commit = lambda: None
    journal.steps.clear()

    asyncio.run(counting.count(0, batch(record, event_bytes, range(15, 20))))
    assert journal.steps == []

    counting.resume([owned(seek=2)])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(20), seek=2)))
    assert "pin 10" in journal.steps


def test_records_read_twice_are_counted_once(
    counting: Counting, record: MakeRecord, event_bytes: Bytes
) -> None:
    counting.resume([owned()])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(6))))
    asyncio.run(counting.count(0, batch(record, event_bytes, range(3, 8))))

    (chunk,) = counting.open_chunks()
    assert (chunk.outcomes.read, chunk.outcomes.duplicate) == (8, 0)


def test_a_chunk_resumed_keeps_to_its_pin_and_knows_the_ids_before_it(
    counting: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    pin = Pin(
        chunk_start=4,
        topic_id="topic-id",
        bucket=(0, 0),
        chunk_records=100,
        chunk_seconds=3_600,
        dedupe_records=100,
        dedupe_seconds=3_600,
        definitions_end=0,
        previous_generation=2,
        current_generation=2,
    )
    counting.resume([owned(pin)])
    repeated = record(12, event_bytes(event_id="3"))
    records = [*batch(record, event_bytes, range(2, 12)).records, repeated]
    asyncio.run(counting.count(0, Batch(stretches(records), seek=1)))

    (chunk,) = counting.open_chunks()
    assert not [step for step in journal.steps if step.startswith("pin")]
    assert (chunk.outcomes.read, chunk.outcomes.duplicate, chunk.outcomes.unmatched) == (9, 1, 8)


def test_definitions_published_later_count_from_the_next_chunk(
    counting: Counting,
    journal: Journal,
    record: MakeRecord,
    event_bytes: Bytes,
    definition: Callable[..., Definition],
) -> None:
    counting.resume([owned()])
    asyncio.run(counting.count(0, batch(record, event_bytes, range(3))))
    journal.definitions.append(definition(meter_id="another"))
    asyncio.run(counting.count(0, batch(record, event_bytes, range(3, 6))))
    (before,) = counting.open_chunks()
    asyncio.run(counting.count(0, batch(record, event_bytes, range(6, 11))))
    (after,) = counting.open_chunks()

    assert {lane.definition.meter_id for lane in before.lanes.changed()} == set()
    assert {lane.definition.meter_id for lane in after.lanes.changed()} == {"requests", "another"}


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(journal: Journal, clock: Clock) -> Counting:
    return Counting(
        chunk_spacing=Spacing(1_000, 60),
        dedupe_spacing=Spacing(1_000, 60),
        decoder=Decoder("foreign"),
        definitions=journal,
        emitter=Emitter(journal, clock, flush_seconds=1.0, row_budget=1_000),
        commit_pin=journal.commit_pin,
        clock=clock,
    )


def ticks(journal: Journal) -> int:
    return sum(topic == "usage-events" and value is None for topic, value, _ in journal.published)


def test_a_partition_that_falls_silent_gets_one_tick(
    timed: Counting, clock: Clock, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    timed.resume([owned()])
    asyncio.run(timed.count(0, batch(record, event_bytes, range(3))))
    for seconds, sent in ((59.0, 0), (60.0, 1), (61.0, 1), (600.0, 1)):
        clock.now = seconds
        timed.tick_if_silent()
        assert ticks(journal) == sent


def test_a_chunk_of_ticks_is_never_ticked_and_one_with_usage_again_is(
    timed: Counting, clock: Clock, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    timed.resume([owned()])
    tick = Record(0, record(0, None).timestamp, headers=(("meterstream-control", b"tick"),))
    asyncio.run(timed.count(0, Batch(stretches([tick]), seek=1)))
    clock.now = 600.0
    timed.tick_if_silent()
    assert ticks(journal) == 0

    asyncio.run(timed.count(0, batch(record, event_bytes, range(1, 3))))
    clock.now = 660.0
    timed.tick_if_silent()
    assert ticks(journal) == 1


def test_what_was_counted_is_sent_and_acknowledged_before_it_is_handed_over(
    timed: Counting, journal: Journal, record: MakeRecord, event_bytes: Bytes
) -> None:
    timed.resume([owned()])
    asyncio.run(timed.count(0, batch(record, event_bytes, range(3))))
    journal.steps.clear()
    asyncio.run(timed.hand_over())

    assert journal.steps == ["produce usage-rollups", "produce usage-rollups", "acknowledged"]
    assert timed.open_chunks() == []
