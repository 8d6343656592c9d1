"""When a peer's run is over, whatever the peer does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cell_log import CellLog, newest
from benchmarks.environments import fingerprint, last_line
from benchmarks.errors import ContestantEndedError
from benchmarks.peer_round import await_settled, touched
from benchmarks.truth import REQUESTS, Cell

CELL = Cell(REQUESTS, "t1", "c1", 1_767_225_600)
SECONDS_A_READ = 0.5


class Row:
    """A record that says what the cell came to."""

    def __init__(self, total: int) -> None:
        self._total = total

    def value(self) -> bytes:
        return "|".join(map(str, (*CELL, self._total))).encode()

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_000


class Run:
    """A contestant, its rows and a clock that every look at the rows moves on."""

    def __init__(self, *reads: list[Row], exit_code: int | None = None, ends_after: int = 0) -> None:
        self._reads = iter(reads)
        self._exit_code = exit_code
        self._ends_after = ends_after
        self.looks = 0

    @property
    def _ended(self) -> bool:
        return self._exit_code is not None and self.looks >= self._ends_after

    @property
    def has_ended_well(self) -> bool:
        return self._ended and self._exit_code == 0

    def check(self, progress: Callable[[], str]) -> None:
        if self._ended:
            raise ContestantEndedError(progress())

    def read(self) -> list[Row]:
        self.looks += 1
        return next(self._reads, [])

    def clock(self) -> float:
        return self.looks * SECONDS_A_READ


def settle(run: Run) -> CellLog:
    results = CellLog({CELL: 5}, newest)
    await_settled(run, run, results, run.clock)  # type: ignore[arg-type]  # rows are all of a Message asked for
    return results


def test_a_run_is_over_soon_after_the_totals_are_there() -> None:
    run = Run([Row(3)], [], [Row(5)])
    assert settle(run).fault() == ""
    assert run.clock() < 5.0


def test_a_pause_before_the_totals_are_there_is_waited_out() -> None:
    pause = [[] for _ in range(20)]
    assert settle(Run([Row(3)], *pause, [Row(5)])).fault() == ""


def test_rows_that_never_become_complete_are_given_up_and_stated() -> None:
    run = Run([Row(3)])
    assert "counted 3, published 5" in settle(run).fault()
    assert 20.0 < run.clock() < 25.0


def test_a_peer_that_ends_of_its_own_accord_is_not_waited_for() -> None:
    run = Run([Row(3)], exit_code=0)
    assert "counted 3, published 5" in settle(run).fault()
    assert run.clock() < 5.0


@pytest.mark.parametrize(("rows", "exit_code"), [([], 0), ([Row(3)], 1)])
def test_a_peer_that_ends_without_rows_or_with_an_error_has_no_figures(
    rows: list[Row], exit_code: int
) -> None:
    with pytest.raises(ContestantEndedError, match="it counted"):
        settle(Run(rows, exit_code=exit_code, ends_after=3))


def test_a_moment_is_the_time_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "started"
    assert touched(file) is None
    file.touch()
    os.utime(file, (5.0, 7.5))
    assert touched(file) == 7.5


def test_other_requirements_are_another_environment() -> None:
    assert fingerprint("3.11", "a==1") == fingerprint("3.11", "a==1")
    assert len({fingerprint(*parts) for parts in (("3.11", "a==1"), ("3.12", "a==1"), ("3.11", "a==2"))}) == 3


def test_the_last_word_of_what_failed_is_told() -> None:
    assert last_line("one\n\n two \n\n") == "two"
    assert last_line("") == "no reason given"
