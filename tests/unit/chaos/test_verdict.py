from collections import Counter
from decimal import Decimal

from tests.chaos.plan import Kind
from tests.chaos.truth import Cell, Truth, Usage
from tests.chaos.verdict import (
    Bad,
    ChunkRow,
    Verdict,
    chunk_faults,
    compare_usage,
    outcome_faults,
    raw_faults,
    refusal_faults,
    rejection_faults,
)

CELL = Cell("tokens", "acme", "c1", "", 60)
OTHER = Cell("tokens", "acme", "c2", "", 60)


def usage(events: int, value: str) -> Usage:
    return Usage(events, Decimal(value))


def chunk(partition: int, start: int, end: int, accepted: int | None = None) -> ChunkRow:
    read = end - start
    return ChunkRow(partition, start, end, read, 0, 0, 0, 0, 0, read if accepted is None else accepted)


def test_what_is_counted_as_published_differs_in_nothing() -> None:
    both = {CELL: usage(3, "1.50")}
    assert compare_usage(both, {CELL: usage(3, "1.5")}) == {}
    assert Verdict().is_exact


def test_losses_and_doubles_are_told_apart_and_never_set_off_against_each_other() -> None:
    counted = {CELL: usage(2, "1"), OTHER: usage(5, "9")}
    deviation = compare_usage(counted, {CELL: usage(3, "1.5"), OTHER: usage(4, "8")})["tokens"]
    assert (deviation.lost_events, deviation.lost_units) == (1, Decimal("0.5"))
    assert (deviation.doubled_events, deviation.doubled_units) == (1, Decimal(1))
    verdict = Verdict({"tokens": deviation})
    assert (verdict.lost, verdict.doubled, verdict.is_exact) == (1, 1, False)


def test_values_that_do_not_add_up_are_compared_and_not_added() -> None:
    cell = CELL._replace(meter_id="mean_latency")
    deviation = compare_usage({cell: usage(3, "2")}, {cell: usage(3, "1")})["mean_latency"]
    assert (deviation.lost_units, deviation.doubled_units, len(deviation.cells)) == (0, 0, 1)


def test_a_window_that_lacks_and_one_that_should_not_be_are_differences() -> None:
    assert compare_usage({}, {CELL: usage(1, "1")})["tokens"].lost_events == 1
    assert compare_usage({CELL: usage(1, "1")}, {})["tokens"].doubled_events == 1


def test_a_value_that_differs_by_the_last_decimal_is_a_difference() -> None:
    true = {CELL: usage(3, "0.333333333333333333")}
    assert compare_usage({CELL: usage(3, "0.333333333333333334")}, true)


def test_chunks_that_tile_the_log_are_fine() -> None:
    assert list(chunk_faults([chunk(0, 0, 10), chunk(0, 10, 12), chunk(1, 0, 5)], {0: 12, 1: 5, 2: 0})) == []


def test_a_gap_an_overlap_and_a_missing_end_are_faults() -> None:
    assert "ends at 10, the next begins at 11" in next(
        chunk_faults([chunk(0, 0, 10), chunk(0, 11, 12)], {0: 12})
    )
    assert "ends at 10, the next begins at 9" in next(
        chunk_faults([chunk(0, 0, 10), chunk(0, 9, 12)], {0: 12})
    )
    assert "ends at 10, the next begins at 12" in next(chunk_faults([chunk(0, 0, 10)], {0: 12}))
    assert "ends at 0, the next begins at 3" in next(chunk_faults([], {0: 3}))


def test_a_chunk_that_does_not_balance_is_a_fault() -> None:
    assert list(chunk_faults([chunk(0, 0, 10, accepted=9)], {0: 10})) == [
        "chunk 0/0: read 10, but 9 outcomes"
    ]


def test_a_chunk_that_skipped_records_is_a_fault() -> None:
    skipped = chunk(0, 0, 10)._replace(read=9, accepted=9)
    assert list(chunk_faults([skipped], {0: 10})) == ["chunk 0/0: read 9 up to 10"]


def test_raw_events_that_lack_are_a_fault() -> None:
    assert list(raw_faults({0: 9}, {0: 10})) == ["partition 0: 10 records, of which 9 are stored raw"]
    assert list(raw_faults({0: 10}, {0: 10, 1: 0})) == []


def test_outcomes_must_be_those_of_the_plan() -> None:
    truth = Truth({}, {Kind.CALL: 8, Kind.LATE: 1, Kind.PARTIAL: 1}, [])
    assert list(outcome_faults([chunk(0, 0, 10)], truth)) == []
    assert list(outcome_faults([chunk(0, 0, 11)], truth)) == ["11 events are accepted, and 10 must be"]


def test_every_malformed_record_has_one_dead_letter() -> None:
    log = Counter([Bad("malformed 1", 0, 5), Bad("malformed 1", 0, 9)])
    assert list(rejection_faults(log, log, 1)) == []
    assert "without a dead letter" in next(rejection_faults(Counter([Bad("malformed 1", 0, 5)]), log, 1))
    assert "more dead letters" in next(rejection_faults(log + log, log, 1))
    assert "2 malformed events were published" in next(rejection_faults(log, log, 2))


def test_an_event_refused_by_a_meter_is_refused_once() -> None:
    once = Counter([Bad("e1", 0, 5), Bad("e2", 1, 5)])
    assert list(refusal_faults(once, 2)) == []
    assert "more than once: e1" in next(refusal_faults(once + Counter([Bad("e1", 0, 7)]), 2))
    assert list(refusal_faults(once, 3)) == ["3 events must be refused by one meter, 2 are"]
