"""What is sent, and when: rows within the budget, dead letters untouched, boundaries with their source."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import MAX_DEAD_LETTER_BYTES, DeadLetter, SessionBoundary
from stream.core.accounting import Emissions, Refusal
from stream.core.chunks import Chunk
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, stretches
from stream.core.pins import Pin
from stream.core.wire import Boundary
from stream.emitting import Emitter

NOW = 1_767_225_600_000
SOURCE = Source("usage-events", "topic-id", 3)

Bytes = Callable[..., bytes]
MakeRecord = Callable[..., Record]
Sent = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]


class Outbox:
    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def produce(self, topic: str, value: bytes | None, key: bytes | None = None, headers: Any = ()) -> None:
        self.sent.append((topic, value, key, list(headers)))

    is_crowded = False

    async def has_room(self) -> None:
        """There always is."""

    def poll(self) -> None:
        """Nothing comes in."""

    async def drain(self) -> None:
        """All is acknowledged."""


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emitter(outbox: Outbox, clock: Clock) -> Emitter:
    return Emitter(outbox, clock, flush_seconds=1.0, row_budget=10)


@pytest.fixture
def chunk(make_chunk: Callable[..., Chunk]) -> Chunk:
    return make_chunk()


@pytest.fixture
def make_chunk(definition: Callable[..., Definition]) -> Callable[..., Chunk]:
    """Makes an empty chunk that one meter counts."""
    pin = Pin(
        chunk_start=0,
        topic_id="topic-id",
        bucket=(0, 0),
        chunk_records=1_000_000,
        chunk_seconds=3_600,
        dedupe_records=1_000_000,
        dedupe_seconds=3_600,
        definitions_end=1,
        previous_generation=0,
        current_generation=0,
    )
    return lambda **meter: Chunk(SOURCE, pin, DefinitionSet([definition(**meter)]), Generations(0, 0))


def count(chunk: Chunk, *records: Record) -> None:
    for stretch in stretches(records):
        chunk.count(stretch, 0, Decoder("foreign"), Emissions())


def fill(chunk: Chunk, record: MakeRecord, event_bytes: Bytes, offsets: range) -> None:
    records = [record(i, event_bytes(event_id=str(i), customer_id=f"customer-{i}")) for i in offsets]
    count(chunk, *records)


def test_changed_rows_go_out_once_a_second_the_accounting_last(
    emitter: Emitter, outbox: Outbox, clock: Clock, chunk: Chunk, record: MakeRecord, event_bytes: Bytes
) -> None:
    fill(chunk, record, event_bytes, range(3))
    emitter.flush_if_due([chunk])
    assert outbox.sent == []

    clock.seconds = 1.0
    emitter.flush_if_due([chunk])

    tables = [dict(headers)["meterstream-table"] for *_, headers in outbox.sent]
    assert tables == [b"usage_rollups", b"usage_chunks"]
    assert {key for _, _, key, _ in outbox.sent} == {b"topic-id/3"}
    assert len((outbox.sent[0][1] or b"").splitlines()) == 3


def test_more_rows_than_the_budget_make_the_next_flush_wait(
    emitter: Emitter, outbox: Outbox, clock: Clock, chunk: Chunk, record: MakeRecord, event_bytes: Bytes
) -> None:
    clock.seconds = 1.0
    fill(chunk, record, event_bytes, range(39))
    emitter.flush_if_due([chunk])  # 40 rows at 10 a second: 4 seconds
    fill(chunk, record, event_bytes, range(39, 40))
    sent = len(outbox.sent)

    clock.seconds = 4.9
    emitter.flush_if_due([chunk])
    assert len(outbox.sent) == sent

    clock.seconds = 5.0
    emitter.flush_if_due([chunk])
    assert len(outbox.sent) > sent


def test_chunks_that_end_do_not_keep_open_ones_from_being_sent(
    emitter: Emitter, outbox: Outbox, clock: Clock, chunk: Chunk, record: MakeRecord, event_bytes: Bytes
) -> None:
    fill(chunk, record, event_bytes, range(3))
    for tenths in range(10):
        clock.seconds = tenths / 10
        emitter.flush([])
        emitter.flush_if_due([chunk])
    assert outbox.sent == []

    clock.seconds = 1.0
    emitter.flush_if_due([chunk])
    assert len(outbox.sent) == 2


def test_distinct_values_go_before_their_rollups_and_are_rows_of_the_budget(
    emitter: Emitter,
    outbox: Outbox,
    clock: Clock,
    make_chunk: Callable[..., Chunk],
    record: MakeRecord,
    event_bytes: Bytes,
) -> None:
    chunk = make_chunk(aggregation=Aggregation.COUNT_UNIQUE, field="user")
    records = [record(i, event_bytes(event_id=str(i), properties={"user": f"u{i}"})) for i in range(38)]
    count(chunk, *records)
    clock.seconds = 1.0
    emitter.flush_if_due([chunk])  # 38 values, 1 rollup, 1 accounting at 10 a second: 4 seconds

    tables = [dict(headers)["meterstream-table"] for *_, headers in outbox.sent]
    assert tables == [b"usage_distinct_values", b"usage_rollups", b"usage_chunks"]
    assert len((outbox.sent[0][1] or b"").splitlines()) == 38

    count(chunk, record(38, event_bytes(event_id="38")))
    clock.seconds = 4.9
    emitter.flush_if_due([chunk])
    assert len(outbox.sent) == 3


def test_nothing_is_sent_while_nothing_changes(
    emitter: Emitter, outbox: Outbox, clock: Clock, chunk: Chunk, record: MakeRecord, event_bytes: Bytes
) -> None:
    fill(chunk, record, event_bytes, range(3))
    emitter.flush([chunk])
    sent = len(outbox.sent)
    clock.seconds = 100.0
    emitter.flush_if_due([chunk])

    assert len(outbox.sent) == sent


def test_many_rows_become_messages_of_bounded_size(
    emitter: Emitter, outbox: Outbox, chunk: Chunk, record: MakeRecord, event_bytes: Bytes
) -> None:
    fill(chunk, record, event_bytes, range(3_000))
    emitter.flush([chunk])

    values = [value or b"" for _, value, _, _ in outbox.sent[:-1]]
    assert len(values) > 1
    assert max(map(len, values)) <= 262_144
    assert sum(len(value.splitlines()) for value in values) == 3_000


def test_a_dead_letter_is_the_record_untouched_with_reason_and_source(
    emitter: Emitter, outbox: Outbox, record: MakeRecord
) -> None:
    refused = record(7, b"\xff junk", key=b"key", headers=(("trace", b"1"),))
    refusal = Refusal(refused, "undecodable", "not JSON", meter_id="requests")
    emitter.publish(SOURCE, Emissions(refusals=[refusal]))

    ((topic, value, key, headers),) = outbox.sent
    assert (topic, value, key, headers[0]) == ("usage-events-dlq", b"\xff junk", b"key", ("trace", b"1"))
    letter = DeadLetter.from_headers(headers)
    assert (letter.reason, letter.meter, letter.topic_id, letter.offset) == (
        "undecodable",
        "requests",
        "topic-id",
        7,
    )


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        ({"value": b"x" * 2_000_000}, ["value"]),
        ({"value": b"x", "headers": (("trace", b"x" * 2_000_000),)}, ["value", "headers"]),
        ({"value": None, "key": b"x" * 2_000_000}, ["value", "headers", "key"]),
    ],
)
def test_what_of_a_record_is_too_long_for_a_dead_letter_is_left_out_and_said(
    emitter: Emitter, outbox: Outbox, record: MakeRecord, fields: dict[str, Any], left_out: list[str]
) -> None:
    refused = record(7, **fields)
    emitter.publish(SOURCE, Emissions(refusals=[Refusal(refused, "undecodable", "not JSON")]))

    ((_, value, key, headers),) = outbox.sent
    letter = DeadLetter.from_headers(headers)
    size = len(value or b"") + len(key or b"") + sum(len(name) + len(text or b"") for name, text in headers)
    assert size < MAX_DEAD_LETTER_BYTES
    assert [name for name in ("value", "headers", "key") if f"its {name}" in letter.detail] == left_out


def test_a_boundary_is_forwarded_under_its_sessions_key_with_its_source(
    emitter: Emitter, outbox: Outbox, record: MakeRecord
) -> None:
    boundary = Boundary(
        "acme", "default", "c1", "chat.on.time_hours", "d1", "s1", NOW, None, {"session_id": "s1"}, None
    )
    emitter.publish(SOURCE, Emissions(boundaries=[(record(9, b"..."), boundary)]))

    ((topic, value, key, headers),) = outbox.sent
    forwarded = SessionBoundary.from_json(value or b"")
    assert topic == "session-boundaries"
    assert key == forwarded.key == b"acme/default/c1/chat.on.time_hours/d1/s1"
    assert (forwarded.start_time, forwarded.end_time, forwarded.boundary_id) == (NOW, None, "topic-id/3/9")
    assert headers == [
        ("meterstream-topic-id", b"topic-id"),
        ("meterstream-partition", b"3"),
        ("meterstream-offset", b"9"),
    ]
