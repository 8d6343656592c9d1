"""The benchmark's events and their truth: what every figure rests on."""

from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest

from benchmarks.truth import METERS, Cell, Truth, differences
from benchmarks.workload import (
    CUSTOMERS,
    END_EVENT,
    REPEAT_DISTANCE,
    SPAN_SECONDS,
    START,
    Event,
    closing_event,
    events,
    lateness_seconds,
)
from schemas import MeterDefinition, UsageEvent
from stream.core.chunks import Chunk, Emissions
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import DefinitionSet
from stream.core.log import Record, Source, Stretch
from stream.core.pins import Pin
from stream.core.rows import take_rows
from stream.definitions import as_definition

COUNT = 30_000
APPENDED = START * 1000 + 7_200_000


@pytest.fixture(scope="module")
def published() -> list[tuple[Event, bool]]:
    return list(events(COUNT))


@pytest.fixture(scope="module")
def truth(published: list[tuple[Event, bool]]) -> Truth:
    folded = Truth()
    for event, is_repeat in published:
        folded.add(event, is_repeat)
    return folded


def test_every_run_publishes_the_same_bytes(published: list[tuple[Event, bool]]) -> None:
    again = [event.value() for event, _ in events(COUNT)]
    assert again == [event.value() for event, _ in published]


def test_one_event_in_a_hundred_is_a_repeat(truth: Truth) -> None:
    assert 0.008 * COUNT < truth.duplicates < 0.012 * COUNT


def test_a_repeat_follows_an_equal_event_within_the_distance(published: list[tuple[Event, bool]]) -> None:
    last: dict[str, int] = {}
    for index, (event, is_repeat) in enumerate(published):
        event_id = f"e{event.number}"
        assert is_repeat == (event_id in last)
        if is_repeat:
            assert index - last[event_id] <= REPEAT_DISTANCE
            assert event == published[last[event_id]][0]
        last[event_id] = index


def test_no_event_is_later_than_it_is_said_events_may_be(published: list[tuple[Event, bool]]) -> None:
    newest = START
    for event, _ in published:
        newest = max(newest, event.timestamp)
        assert newest - event.timestamp <= lateness_seconds(COUNT)


def test_a_closing_event_is_a_usage_event_past_every_window_that_no_meter_counts() -> None:
    closing = [closing_event(partition) for partition in range(4)]
    assert len({event.number for event in closing}) == 4
    truth = Truth()
    for event in closing:
        truth.add(event, is_repeat=False)
        assert UsageEvent.model_validate(orjson.loads(event.value())).event_name == END_EVENT
        assert event.timestamp > START + SPAN_SECONDS + lateness_seconds(2_000_000)
    assert (truth.unmatched, truth.once) == (4, Counter())


def test_events_are_usage_events_of_about_180_bytes(published: list[tuple[Event, bool]]) -> None:
    values = [event.value() for event, _ in published[:1_000]]
    for value, (event, _) in zip(values, published, strict=False):
        assert UsageEvent.model_validate(orjson.loads(value)).customer_id == event.customer_id
    assert 170 < sum(map(len, values)) / len(values) < 195


def test_every_customer_has_events_and_some_have_many(published: list[tuple[Event, bool]]) -> None:
    by_customer = Counter(event.customer for event, _ in published)
    assert len(by_customer) == CUSTOMERS
    assert by_customer[0] > 5 * by_customer[CUSTOMERS - 1]


def test_the_streams_own_counting_comes_to_the_truth(
    published: list[tuple[Event, bool]], truth: Truth
) -> None:
    chunk = _counted([event.value() for event, _ in published])
    totals: Counter[Cell] = Counter()
    for row in map(orjson.loads, take_rows(chunk).rollups):
        cell = Cell(row["meter_id"], row["tenant_id"], row["customer_id"], row["window_start"])
        totals[cell] += row["event_count"] if row["sum"] is None else int(row["sum"])
    assert differences(totals, truth.once) == []
    outcomes = chunk.outcomes
    assert (outcomes.duplicate, outcomes.unmatched, outcomes.accepted) == (
        truth.duplicates,
        truth.unmatched,
        truth.accepted,
    )


def test_duplicates_add_to_the_truth_of_who_does_not_know_them(truth: Truth) -> None:
    assert sum(truth.repeated.values()) > sum(truth.once.values())
    assert truth.repeated.keys() == truth.once.keys()


def test_a_cell_that_differs_is_named_with_both_numbers() -> None:
    cell = Cell("m", "t", "c", START)
    assert differences({cell: 2}, {cell: 3}) == [f"m t c {START}: counted 2, published 3"]
    assert differences({}, {cell: 3}) == [f"m t c {START}: counted 0, published 3"]
    assert differences({cell: 2}, {}) == [f"m t c {START}: counted 2, published 0"]


def _counted(values: list[bytes]) -> Chunk:
    pin = Pin(
        chunk_start=0,
        topic_id="topic",
        bucket=(0, APPENDED // 1000 // 60),
        chunk_records=1_000_000,
        chunk_seconds=60,
        dedupe_records=1_000_000,
        dedupe_seconds=3_600,
        definitions_end=len(METERS),
        previous_generation=0,
        current_generation=0,
    )
    epoch = {"meter_version": 1, "effective_from": datetime(1970, 1, 1, tzinfo=UTC)}
    published = [MeterDefinition.model_validate(meter.model_dump() | epoch) for meter in METERS]
    definitions = [found for each in published if (found := as_definition(each)) is not None]
    chunk = Chunk(Source("usage-events", "topic", 0), pin, DefinitionSet(definitions), Generations(0, 0))
    records = [Record(offset, APPENDED, value=value) for offset, value in enumerate(values)]
    assert chunk.count(Stretch(records), 0, Decoder("default"), Emissions()) == len(records)
    return chunk
