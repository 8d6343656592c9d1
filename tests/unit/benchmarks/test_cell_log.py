"""How a peer's rows become totals, when they are complete, and what is said where they differ."""

from benchmarks.cell_log import CellLog, Combine, increment, newest
from benchmarks.truth import CALLS_EU, REQUESTS, Cell

FIRST = Cell(CALLS_EU, "t1", "c1", 1_767_225_600)
SECOND = Cell(REQUESTS, "t1", "c1", 1_767_225_600)


class Written:
    """A record as a consumer gives it."""

    def __init__(self, value: str, time: int = 1_000) -> None:
        self._value, self._time = value, time

    def value(self) -> bytes:
        return self._value.encode()

    def timestamp(self) -> tuple[int, int]:
        return 2, self._time


def line(cell: Cell, amount: int) -> str:
    return "|".join(map(str, (*cell, amount)))


def log(combine: Combine, *written: Written) -> CellLog:
    rows = CellLog({FIRST: 5, SECOND: 2}, combine)
    for record in written:
        rows.take(record)  # type: ignore[arg-type]  # all of a Message that is asked for
    return rows


def test_of_totals_the_highest_is_the_newest_in_whatever_order_they_come() -> None:
    rows = log(newest, Written(line(FIRST, 5)), Written(line(FIRST, 3)), Written(line(SECOND, 2)))
    assert rows.cells() == {FIRST: 5, SECOND: 2}
    assert rows.fault() == ""


def test_increments_add_up() -> None:
    rows = log(increment, Written(line(FIRST, 2)), Written(line(FIRST, 3)), Written(line(SECOND, 2)))
    assert rows.fault() == ""


def test_a_record_may_hold_many_rows_and_the_last_of_all_ends_the_run() -> None:
    rows = log(newest, Written(f"{line(FIRST, 5)}\n{line(SECOND, 2)}", 3_500), Written(line(FIRST, 4), 2_000))
    assert (rows.rows, rows.last_time) == (3, 3.5)


def test_rows_are_complete_once_every_meter_came_to_what_was_published() -> None:
    rows = log(newest, Written(line(FIRST, 5)))
    assert not rows.is_complete()
    rows.take(Written(line(SECOND, 2)))  # type: ignore[arg-type]  # as above
    assert rows.is_complete()


def test_cells_that_differ_are_counted_and_the_first_is_named() -> None:
    rows = log(newest, Written(line(FIRST, 4)))
    assert rows.fault().startswith("2 of 2 cells wrong, as bench.calls.eu t1 c1")
    assert "counted 4, published 5" in rows.fault()


def test_a_cell_nobody_published_is_wrong() -> None:
    other = Cell(REQUESTS, "t2", "c2", 0)
    rows = log(newest, *(Written(line(*each)) for each in ((FIRST, 5), (SECOND, 2), (other, 1))))
    assert rows.fault().startswith("1 of 2 cells wrong")
