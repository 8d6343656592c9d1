"""A chunk: every record has one outcome, and totals fall into the right windows."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from schemas import ChunkAccounting, DistinctValue, Rollup
from stream.core.accounting import Emissions
from stream.core.chunks import Chunk
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, stretches
from stream.core.pins import Pin
from stream.core.rows import take_accounting_row, take_rows

NOW = 1_767_225_600_000
CONTROL = (("meterstream-control", b"definitions"),)

Bytes = Callable[..., bytes]
MakeRecord = Callable[..., Record]
Make = Callable[..., Definition]


class Counted:
    """A chunk begun at offset 0, what it emitted, and how far each count went."""

    def __init__(self, definitions: list[Definition]) -> None:
        pin = Pin(
            chunk_start=0,
            topic_id="topic-id",
            bucket=(0, 0),
            chunk_records=100,
            chunk_seconds=60,
            dedupe_records=50,
            dedupe_seconds=3_600,
            definitions_end=len(definitions),
            previous_generation=0,
            current_generation=0,
        )
        source = Source("usage-events", "topic-id", 3)
        self.chunk = Chunk(source, pin, DefinitionSet(definitions), Generations(0, 0))
        self.emissions = Emissions()

    def count(self, *records: Record) -> int:
        """Count them, and return how many belong to the chunk."""
        counted = 0
        for stretch in stretches(records):
            index = self.chunk.count(stretch, 0, Decoder("foreign"), self.emissions)
            counted += index
            if index < len(stretch.records):
                break
        return counted

    def rows(self) -> list[Rollup]:
        return [Rollup.from_json(row) for row in take_rows(self.chunk).rollups]

    def outcomes(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self.chunk.outcomes).items() if count}


@pytest.fixture
def counted(definition: Make) -> Counted:
    return Counted([definition()])


def test_an_event_counts_in_the_window_of_its_event_time(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    counted.count(record(0, event_bytes(timestamp=NOW - 1)))

    (row,) = counted.rows()
    assert (row.window_start, row.window_end) == (NOW // 1000 - 60, NOW // 1000)
    assert (row.tenant_id, row.customer_id, row.event_count) == ("acme", "c1", 1)
    assert (row.source_topic_id, row.source_partition, row.chunk_start) == ("topic-id", 3, 0)
    assert row.row_version == 1


def test_rows_are_absolute_and_taken_only_when_changed(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    counted.count(record(0, event_bytes(event_id="a")))
    assert [row.event_count for row in counted.rows()] == [1]
    assert counted.rows() == []

    counted.count(record(1, event_bytes(event_id="b")))

    assert [(row.event_count, row.row_version) for row in counted.rows()] == [(2, 2)]


def test_a_late_event_lands_in_its_own_window(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    year = 31_536_000_000
    counted.count(
        record(0, event_bytes(event_id="a")), record(1, event_bytes(event_id="b", timestamp=NOW - year))
    )

    assert {row.window_start for row in counted.rows()} == {NOW // 1000, (NOW - year) // 1000}


def test_every_record_has_exactly_one_outcome(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    boundary = {"ai_event": True, "meter_id": "m", "customer_id": "c", "start_time": NOW}
    counted.count(
        record(0, None, headers=CONTROL),
        record(1, event_bytes()),
        record(2, event_bytes()),
        record(3, event_bytes(event_id="other", event_name="unknown")),
        record(4, b"junk"),
        record(5, None),
        record(6, json.dumps(boundary).encode()),
    )

    assert counted.outcomes() == {
        "read": 7,
        "control": 1,
        "accepted": 1,
        "duplicate": 1,
        "unmatched": 1,
        "rejected": 2,
        "forwarded": 1,
    }
    accounting = ChunkAccounting.from_json(take_accounting_row(counted.chunk))
    assert accounting.is_balanced
    assert [refusal.record.offset for refusal in counted.emissions.refusals] == [4, 5]
    assert [origin.offset for origin, _ in counted.emissions.boundaries] == [6]


def test_an_event_without_an_id_is_never_a_duplicate(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    counted.count(record(0, event_bytes(event_id=None)), record(1, event_bytes(event_id=None)))

    assert counted.outcomes()["accepted"] == 2


@pytest.mark.parametrize(
    ("following", "headers"),
    [
        ({"offset": 100, "seconds": 0}, ()),
        ({"offset": 1, "seconds": 60}, ()),
        ({"offset": 1, "seconds": -1}, ()),
        ({"offset": 1, "seconds": 0}, CONTROL),
    ],
    ids=["enough records", "enough seconds", "a clock stepping back", "a control record"],
)
def test_a_chunk_ends_before(
    counted: Counted, record: MakeRecord, event_bytes: Bytes, following: dict[str, Any], headers: Any
) -> None:
    value = None if headers else event_bytes(event_id="b")

    end = counted.count(record(0, event_bytes()), record(value=value, headers=headers, **following))

    assert end == 1
    assert counted.chunk.read_end == 1


def test_offsets_left_out_by_transactions_do_not_end_it(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    assert counted.count(record(0, event_bytes()), record(7, event_bytes(event_id="b"))) == 2
    assert counted.chunk.read_end == 8


def test_a_late_event_from_before_its_meter_was_disabled_counts_and_others_are_unmatched(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    archived = definition(meter_version=2, effective_from=NOW, published=False)
    counted = Counted([definition(), archived])
    times = (NOW, NOW - 1, NOW + 1)
    counted.count(*(record(i, event_bytes(event_id=str(i), timestamp=time)) for i, time in enumerate(times)))

    assert counted.outcomes() == {"read": 3, "accepted": 1, "unmatched": 2}
    assert [(row.meter_version, row.event_count) for row in counted.rows()] == [(1, 1)]


def usage(event_bytes: Bytes, *values: Any) -> list[bytes]:
    return [event_bytes(event_id=str(i), properties={"tokens": value}) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("aggregation", "statistics"),
    [
        (Aggregation.SUM, {"sum": "12.5"}),
        (Aggregation.AVG, {"sum": "12.5"}),
        (Aggregation.MIN, {"min": "-2"}),
        (Aggregation.MAX, {"max": "10"}),
        (Aggregation.LATEST, {"latest": "4.5", "latest_timestamp": NOW, "latest_offset": 2}),
    ],
)
def test_each_aggregation_keeps_its_statistic(
    record: MakeRecord,
    event_bytes: Bytes,
    definition: Make,
    aggregation: Aggregation,
    statistics: dict[str, Any],
) -> None:
    counted = Counted([definition(aggregation=aggregation, field="tokens")])
    counted.count(*(record(i, value) for i, value in enumerate(usage(event_bytes, 10, "-2", 4.5))))

    (row,) = counted.rows()

    given = row.model_dump(mode="json")
    names = ("sum", "min", "max", "latest", "latest_timestamp", "latest_offset")
    assert {name: given[name] for name in names if given[name] is not None} == statistics
    assert row.event_count == 3


def test_latest_goes_by_event_time_then_offset(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(aggregation=Aggregation.LATEST, field="tokens")])
    times = [NOW + 1, NOW + 2, NOW + 2, NOW]
    for offset, timestamp in enumerate(times):
        value = event_bytes(event_id=str(offset), timestamp=timestamp, properties={"tokens": offset})
        counted.count(record(offset, value))

    (row,) = counted.rows()
    assert (row.latest, row.latest_timestamp, row.latest_offset) == (2, NOW + 2, 2)


def test_a_sum_is_exact_where_floats_are_not(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(aggregation=Aggregation.SUM, field="tokens")])
    raw = event_bytes(properties={"tokens": 0}).replace(
        b'"tokens": 0', b'"tokens": 123456789012345.123456789'
    )
    counted.count(*(record(i, value) for i, value in enumerate(usage(event_bytes, 0.1, 0.2))))
    counted.count(record(2, raw.replace(b'"e1"', b'"e2"')))

    (row,) = counted.rows()
    assert str(row.sum) == "123456789012345.423456789"


UNIQUE = {"aggregation": Aggregation.COUNT_UNIQUE, "field": "tokens"}


def test_count_unique_tells_values_apart_by_the_text_filters_compare(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(**UNIQUE)])
    values = usage(event_bytes, "a", "A", True, "true", 1, 1.0, "1", "1.0", 1.5, 10**20, "", "a ", False)
    counted.count(*(record(i, value) for i, value in enumerate(values)))

    rows = take_rows(counted.chunk)

    found = [DistinctValue.from_json(row) for row in rows.distinct_values]
    texts = ["a", "A", "true", "1", "1.0", "1.5", "1" + "0" * 20, "", "a ", "false"]
    assert [row.value for row in found] == texts
    assert all(row.present for row in found)
    (rollup,) = [Rollup.from_json(row) for row in rows.rollups]
    assert (rollup.aggregation, rollup.event_count, rollup.sum, rollup.latest) == (
        "COUNT_UNIQUE",
        13,
        None,
        None,
    )


def test_a_distinct_value_has_the_key_of_its_rollup(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(**UNIQUE, group_by=("model",), meter_version=3)])
    for offset, customer in enumerate(("c1", "c2", "c2")):
        properties = {"tokens": "x", "model": f"m{offset}"}
        counted.count(
            record(offset, event_bytes(event_id=str(offset), customer_id=customer, properties=properties))
        )

    rows = take_rows(counted.chunk)

    rollups = [Rollup.from_json(row) for row in rows.rollups]
    values = [DistinctValue.from_json(row) for row in rows.distinct_values]
    key = set(DistinctValue.model_fields) - {"value", "present"}
    assert len(values) == 3
    assert [row.model_dump(include=key) for row in values] == [row.model_dump(include=key) for row in rollups]


def test_only_new_values_are_taken_and_the_rollup_stays_absolute(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(**UNIQUE)])
    taken = []
    for offset, value in enumerate(("a", "b", "a")):
        counted.count(record(offset, event_bytes(event_id=str(offset), properties={"tokens": value})))
        rows = take_rows(counted.chunk)
        found = [DistinctValue.from_json(row).value for row in rows.distinct_values]
        taken.append((found, [Rollup.from_json(row).event_count for row in rows.rollups]))

    assert taken == [(["a"], [1]), (["b"], [2]), ([], [3])]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [({}, "field_missing"), ({"tokens": "é" * 257}, "too_long"), ({"tokens": 10**600}, "too_long")],
)
def test_what_count_unique_cannot_tell_apart_is_refused_by_it(
    record: MakeRecord, event_bytes: Bytes, definition: Make, properties: dict[str, Any], reason: str
) -> None:
    counted = Counted([definition(**UNIQUE)])
    counted.count(record(0, event_bytes(properties=properties)))

    assert [refusal.reason for refusal in counted.emissions.refusals] == [reason]
    assert take_rows(counted.chunk) == ([], [])


def test_a_value_of_512_bytes_is_told_apart(record: MakeRecord, event_bytes: Bytes, definition: Make) -> None:
    counted = Counted([definition(**UNIQUE)])
    counted.count(record(0, event_bytes(properties={"tokens": "é" * 256})))

    assert len(take_rows(counted.chunk).distinct_values) == 1


def test_filters_are_and_over_keys_or_within_values(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    filters = (("model", frozenset({"a", "b"})), ("cached", frozenset({"true"})), ("level", frozenset({"1"})))
    counted = Counted([definition(filters=filters)])
    matching: dict[str, Any] = {"model": "a", "cached": True, "level": 1.0}
    others = [
        {},
        {"model": "c"},
        {"model": "A"},
        {"cached": False},
        {"cached": "True"},
        {"level": 1.5},
        {"level": "1.0"},
    ]
    values = [matching | change for change in others]
    values.append({"model": "b", "cached": "true", "level": "1"})
    values.append({"cached": True, "level": 1})
    counted.count(
        *(record(i, event_bytes(event_id=str(i), properties=value)) for i, value in enumerate(values))
    )

    assert counted.outcomes() == {"read": 9, "accepted": 2, "unmatched": 7}


def test_groups_are_rows_of_their_own(record: MakeRecord, event_bytes: Bytes, definition: Make) -> None:
    counted = Counted([definition(group_by=("model", "size"))])
    for offset, properties in enumerate(
        [{"model": "a", "size": 1}, {"model": "a", "size": 1.0}, {"model": "b"}]
    ):
        counted.count(record(offset, event_bytes(event_id=str(offset), properties=properties)))

    assert {(*row.group.items(), row.event_count) for row in counted.rows()} == {
        (("model", "a"), ("size", "1"), 2),
        (("model", "b"), ("size", ""), 1),
    }


def test_what_one_meter_refuses_counts_for_the_others(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted(
        [definition(), definition(meter_id="tokens", aggregation=Aggregation.SUM, field="tokens")]
    )
    counted.count(record(0, event_bytes(properties={"tokens": 10**24})))

    assert counted.outcomes() == {"read": 1, "accepted": 1, "meter_rejections": 1}
    (refusal,) = counted.emissions.refusals
    assert (refusal.meter_id, refusal.reason) == ("tokens", "number_out_of_bounds")
    assert [row.meter_id for row in counted.rows()] == ["requests"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [({}, "field_missing"), ({"tokens": "many"}, "not_a_number"), ({"tokens": True}, "not_a_number")],
)
def test_an_event_every_matching_meter_refuses_is_rejected(
    record: MakeRecord, event_bytes: Bytes, definition: Make, properties: dict[str, Any], reason: str
) -> None:
    counted = Counted([definition(aggregation=Aggregation.SUM, field="tokens")])
    counted.count(record(0, event_bytes(properties=properties)))

    assert counted.outcomes() == {"read": 1, "rejected": 1, "meter_rejections": 1}
    assert [refusal.reason for refusal in counted.emissions.refusals] == [reason]
    assert counted.rows() == []


def test_a_group_value_over_512_bytes_is_too_long(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(group_by=("model",))])
    counted.count(record(0, event_bytes(properties={"model": "x" * 513})))

    assert [refusal.reason for refusal in counted.emissions.refusals] == ["too_long"]


def test_an_interval_is_split_over_windows_and_counted_once(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    meter = definition(aggregation=Aggregation.DURATION, window_ms=3_600_000, unit="hours")
    counted = Counted([meter])
    counted.count(record(0, event_bytes(interval={"start": NOW - 500, "end": NOW + 3_600_250})))

    rows = sorted(counted.rows(), key=lambda row: row.window_start)
    assert [(row.sum, row.event_count) for row in rows] == [(500, 1), (3_600_000, 0), (250, 0)]
    assert {row.unit for row in rows} == {"hours"}


def test_a_meter_refuses_an_interval_of_more_windows_than_a_worker_should_hold(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    hour, second = (
        definition(aggregation=Aggregation.DURATION, meter_id=str(ms), window_ms=ms)
        for ms in (3_600_000, 1_000)
    )
    counted = Counted([hour, second])
    counted.count(record(0, event_bytes(interval={"start": NOW - 60_000_000, "end": NOW})))

    (refusal,) = counted.emissions.refusals
    assert (refusal.reason, refusal.meter_id) == ("interval_out_of_bounds", "1000")
    assert counted.chunk.outcomes.accepted == 1


def test_a_duration_meter_refuses_an_event_without_an_interval(
    record: MakeRecord, event_bytes: Bytes, definition: Make
) -> None:
    counted = Counted([definition(aggregation=Aggregation.DURATION)])
    counted.count(record(0, event_bytes()))

    assert [refusal.reason for refusal in counted.emissions.refusals] == ["no_interval"]


def test_a_record_with_its_producers_timestamp_is_cut_by_offset_alone(
    counted: Counted, record: MakeRecord, event_bytes: Bytes
) -> None:
    first = record(0, event_bytes(event_id="a"), timestamp_type=0)
    second = record(1, event_bytes(event_id="b"), seconds=9_000, timestamp_type=0)

    assert counted.count(first, second) == 2
