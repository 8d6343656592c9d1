from collections.abc import Sequence

import pytest

from sinks.bisection import insert_or_bisect
from sinks.errors import ClickHouseAwayError, RowsRefusedError
from sinks.source_records import SourceRecord, lines_of


def record(offset: int, value: bytes = b"good") -> SourceRecord:
    return SourceRecord("usage-rollups", "id", 0, offset, 0, b"key", value)


class Store:
    """Takes rows in whole blocks, and refuses any block with a bad one, as ClickHouse does."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def insert(self, records: Sequence[SourceRecord]) -> None:
        for row in records:
            if row.value == b"bad":
                raise RowsRefusedError(f"row {row.offset} is bad")
        self.rows += [row.offset for row in records]


@pytest.mark.parametrize("bad", [{0}, {9}, {4, 5}, set(range(10)), set()])
def test_all_rows_but_the_refused_ones_go_in(bad: set[int]) -> None:
    store = Store()
    rows = [record(offset, b"bad" if offset in bad else b"good") for offset in range(10)]

    refusals = insert_or_bisect(rows, store.insert)

    assert store.rows == [offset for offset in range(10) if offset not in bad]
    assert [refusal.record.offset for refusal in refusals] == sorted(bad)


def test_a_refusal_says_what_clickhouse_said_of_that_row() -> None:
    (refusal,) = insert_or_bisect([record(1), record(2, b"bad")], Store().insert)
    assert refusal.detail == "row 2 is bad"


def test_no_rows_are_no_insert() -> None:
    def insert(_records: Sequence[SourceRecord]) -> None:
        raise AssertionError("inserted nothing")

    assert insert_or_bisect([], insert) == []


def test_a_fault_that_is_not_the_rows_is_not_bisected() -> None:
    def insert(_records: Sequence[SourceRecord]) -> None:
        raise ClickHouseAwayError("gone")

    with pytest.raises(ClickHouseAwayError):
        insert_or_bisect([record(1), record(2)], insert)


def test_the_lines_of_a_record_keep_its_place_and_empty_ones_are_none() -> None:
    lines = lines_of(record(7, b"a\n\nb\n"))
    assert [(line.offset, line.value) for line in lines] == [(7, b"a"), (7, b"b")]
