"""What a window's events add up to: absolute totals, exact however many numbers they are made of."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from stream.core.definitions import Aggregation
from stream.core.numbers import scaled


class Cell(msgspec.Struct, gc=False):
    """The totals of one row: a meter's usage by one customer and group in one window.

    Attributes:
        event_count: Events counted.
        whole: Sum of the integers among the numbers.
        fraction: Sum of the other numbers, in units of 1e-18.
        low: Least number.
        high: Greatest number.
        latest: The number of the greatest (latest_time, latest_offset).
        changed: Whether it differs from what was last flushed.
    """

    event_count: int = 0
    whole: int = 0
    fraction: int = 0
    low: int | Decimal | None = None
    high: int | Decimal | None = None
    latest: int | Decimal | None = None
    latest_time: int = -1
    latest_offset: int = -1
    changed: bool = False


def add_sum(cell: Cell, number: int | Decimal, _timestamp: int, _offset: int) -> None:
    """Add a number to the sum."""
    if number.__class__ is int:
        cell.whole += number
    else:
        cell.fraction += scaled(number)  # type: ignore[arg-type] # the other of the two


def add_least(cell: Cell, number: int | Decimal, _timestamp: int, _offset: int) -> None:
    """Keep the least number."""
    if cell.low is None or number < cell.low:
        cell.low = number


def add_greatest(cell: Cell, number: int | Decimal, _timestamp: int, _offset: int) -> None:
    """Keep the greatest number."""
    if cell.high is None or number > cell.high:
        cell.high = number


def add_latest(cell: Cell, number: int | Decimal, timestamp: int, offset: int) -> None:
    """Keep the number of the latest event time; of equal times the later record's."""
    if (timestamp, offset) > (cell.latest_time, cell.latest_offset):
        cell.latest, cell.latest_time, cell.latest_offset = number, timestamp, offset


ADD: Final[dict[Aggregation, Callable[[Cell, int | Decimal, int, int], None]]] = {
    Aggregation.SUM: add_sum,
    Aggregation.AVG: add_sum,
    Aggregation.MIN: add_least,
    Aggregation.MAX: add_greatest,
    Aggregation.LATEST: add_latest,
}
"""How a number enters a cell, for every aggregation of a field."""
