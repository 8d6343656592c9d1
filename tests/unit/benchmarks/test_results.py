"""How the worker's rows become figures, and what makes its run worthless."""

import pytest
from orjson import dumps

from benchmarks.errors import MiscountError
from benchmarks.rollups import RollupLog
from benchmarks.sampling import Sample, cpu_seconds_at
from benchmarks.truth import CALLS_EU, Cell, Truth
from schemas import TABLE_HEADER

CELL = Cell(CALLS_EU, "t1", "c1", 1_767_225_600)


class Written:
    """A record as a consumer gives it."""

    def __init__(self, value: bytes, table: bytes = b"", key: bytes = b"", time: int = 1_000) -> None:
        self._value, self._table, self._key, self._time = value, table, key, time

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return self._key

    def headers(self) -> list[tuple[str, bytes]]:
        return [(TABLE_HEADER, self._table)]

    def timestamp(self) -> tuple[int, int]:
        return 2, self._time


def rollup(event_count: int, row_version: int, chunk_start: int = 0) -> Written:
    row = {
        "tenant_id": CELL.tenant_id,
        "environment_id": "default",
        "meter_id": CELL.meter_id,
        "meter_version": 1,
        "customer_id": CELL.customer_id,
        "window_start": CELL.window_start,
        "source_partition": 0,
        "chunk_start": chunk_start,
        "row_version": row_version,
        "event_count": event_count,
        "sum": None,
    }
    return Written(dumps(row), b"usage_rollups")


def accounting(read: int, *, chunk_start: int = 0, row_version: int = 0, **outcomes: int) -> Written:
    row = {
        "topic": "usage-events",
        "topic_id": "id",
        "partition": 0,
        "chunk_start": chunk_start,
        "row_version": row_version or read,
        "read": read,
        "control": 0,
        "forwarded": 0,
        "duplicate": 0,
        "rejected": 0,
        "unmatched": 0,
        "accepted": 0,
        "meter_rejections": 0,
        "first_append_time": 1,
        "last_append_time": 2,
        "definitions_end": 3,
        "chunk_records": 100,
        "chunk_seconds": 60,
        "dedupe_records": 100,
        "dedupe_seconds": 60,
        "semantics": 1,
    }
    return Written(dumps(row | outcomes), b"usage_chunks", time=2_500)


def truth(cell_total: int, *, duplicates: int = 0) -> Truth:
    counted = Truth(events=cell_total + duplicates, duplicates=duplicates)
    counted.once[CELL] = cell_total
    counted.repeated[CELL] = cell_total + duplicates
    return counted


def log(records: int, *written: Written) -> RollupLog:
    rows = RollupLog(records)
    for record in written:
        rows.take(record)  # type: ignore[arg-type]  # all of a Message that is asked for
    return rows


def test_rows_are_complete_once_the_accounting_holds_every_record() -> None:
    assert not log(4, rollup(3, 3), accounting(3, accepted=3)).is_complete()
    rows = log(4, accounting(3, accepted=3), accounting(4, accepted=4))
    assert rows.is_complete()
    assert rows.last_time == 2.5


def test_an_older_version_that_comes_late_changes_nothing() -> None:
    rows = log(4, rollup(4, 4), accounting(4, accepted=4), rollup(3, 3), accounting(3, accepted=3))
    rows.verify(truth(4))


def test_chunks_of_one_window_add_up() -> None:
    second = accounting(2, chunk_start=4, row_version=6, accepted=2)
    log(6, rollup(4, 4), accounting(4, accepted=4), rollup(2, 6, chunk_start=4), second).verify(truth(6))


def test_a_total_that_differs_makes_the_run_worthless() -> None:
    rows = log(4, rollup(3, 4), accounting(4, accepted=4))
    with pytest.raises(MiscountError, match="counted 3, published 4"):
        rows.verify(truth(4))


def test_a_duplicate_not_accounted_for_makes_the_run_worthless() -> None:
    rows = log(5, rollup(4, 5), accounting(5, accepted=5))
    with pytest.raises(MiscountError, match="duplicate: 0 accounted for, 1 published"):
        rows.verify(truth(4, duplicates=1))


def test_accounting_that_is_not_balanced_makes_the_run_worthless() -> None:
    rows = log(5, rollup(4, 5), accounting(5, accepted=4))
    with pytest.raises(MiscountError, match="not balanced"):
        rows.verify(truth(4))


def test_cpu_time_is_read_between_two_samples() -> None:
    samples = [Sample(10.0, 1.0, 0), Sample(11.0, 2.0, 0), Sample(13.0, 3.0, 0)]
    moments = (9.0, 10.5, 12.0, 14.0)
    assert [cpu_seconds_at(samples, moment) for moment in moments] == [1.0, 1.5, 2.5, 3.0]
