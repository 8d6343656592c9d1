"""What a peer wrote: lines `meter|tenant|customer|window|amount`, one or more a record."""

from collections import Counter
from collections.abc import Callable, Mapping

from confluent_kafka import Message

from benchmarks.rounds import ALL_RIGHT
from benchmarks.truth import Cell, differences

Combine = Callable[[int, int], int]
"""Makes one total of what a cell was said to be before and what it is said to be now."""


def newest(before: int, now: int) -> int:
    """Take rows for totals, which only grow: the highest is the newest, in whatever order they are read."""
    return max(before, now)


def increment(before: int, now: int) -> int:
    """Take rows for what came since the row before."""
    return before + now


class CellLog:
    """The rows of one run; times are epoch seconds by the broker's clock.

    Rows are kept as they came and read when none has come for a while: reading them meanwhile would take the
    broker's core.
    """

    def __init__(self, expected: Mapping[Cell, int], combine: Combine) -> None:
        self.rows = 0
        self.last_time = 0.0
        self._expected = expected
        self._combine = combine
        self._waiting: list[bytes] = []
        self._cells: dict[Cell, int] = {}
        self._published = by_meter(expected)
        self._counted: Counter[str] = Counter()

    def take(self, message: Message) -> None:
        """Take in one record."""
        value = message.value() or b""
        self.rows += value.count(b"\n") + 1
        self.last_time = max(self.last_time, message.timestamp()[1] / 1000)
        self._waiting.append(value)

    def cells(self) -> Mapping[Cell, int]:
        """Return what every cell came to so far."""
        for value in self._waiting:
            for line in value.decode().splitlines():
                meter_id, tenant_id, customer_id, window, amount = line.split("|")
                cell = Cell(meter_id, tenant_id, customer_id, int(window))
                before = self._cells.get(cell, 0)
                total = self._cells[cell] = self._combine(before, int(amount))
                self._counted[meter_id] += total - before
        self._waiting.clear()
        return self._cells

    def is_complete(self) -> bool:
        """Whether every meter's total, which only grows, has come to what was published."""
        self.cells()
        return all(self._counted[meter_id] >= total for meter_id, total in self._published.items())

    def progress(self) -> str:
        self.cells()
        return f"it counted {dict(self._counted)} of {dict(self._published)}"

    def fault(self) -> str:
        """Say how many cells differ from what was published, with the first of them; empty if none."""
        faults = differences(self.cells(), self._expected)
        if not faults:
            return ALL_RIGHT
        return f"{len(faults):,} of {len(self._expected):,} cells wrong, as {faults[0]}"


def by_meter(cells: Mapping[Cell, int]) -> Counter[str]:
    """Add cells up."""
    totals: Counter[str] = Counter()
    for cell, total in cells.items():
        totals[cell.meter_id] += total
    return totals
