"""What a window's events add up to: absolute totals, exact however many values they are made of."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from stream.core.definitions import Aggregation
from stream.core.numbers import exact_number, property_text, scaled
from stream.core.rejections import Reason, RejectedError

MAX_VALUE_BYTES: Final = 512
"""Of a group value, and of a value that COUNT_UNIQUE tells apart, in UTF-8."""


class Distinct:
    """The distinct values of one row.

    Attributes:
        values: All of them.
        unsent: Those found since rows were last taken, in the order they came.
    """

    __slots__ = ("unsent", "values")

    def __init__(self, value: str) -> None:
        self.values = {value}
        self.unsent = [value]


class Cell:
    """The totals of one row: a meter's usage by one customer and group in one window.

    Attributes:
        group: The values of what the meter groups by, in its order.
        window_start: Epoch milliseconds.
        event_count: Events counted.
        whole: Sum of the integers among the numbers.
        fraction: Sum of the other numbers, in units of 1e-18.
        low: Least number.
        high: Greatest number.
        latest: The number of the greatest (latest_time, latest_offset).
        distinct: What COUNT_UNIQUE tells apart; None for every other aggregation.
        changed: Whether it differs from what was last flushed.
    """

    __slots__ = (
        "changed",
        "customer_id",
        "distinct",
        "event_count",
        "fraction",
        "group",
        "high",
        "latest",
        "latest_offset",
        "latest_time",
        "low",
        "whole",
        "window_start",
    )

    def __init__(self, customer_id: str, group: tuple[str, ...], window_start: int) -> None:
        self.customer_id = customer_id
        self.group = group
        self.window_start = window_start
        self.event_count = 0
        self.whole = 0
        self.fraction = 0
        self.low: int | Decimal | None = None
        self.high: int | Decimal | None = None
        self.latest: int | Decimal | None = None
        self.latest_time = -1
        self.latest_offset = -1
        self.distinct: Distinct | None = None
        self.changed = False


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


def add_distinct(cell: Cell, text: str, _timestamp: int, _offset: int) -> None:
    """Keep a text that is not among the values yet."""
    distinct = cell.distinct
    if distinct is None:
        cell.distinct = Distinct(text)
    elif text not in distinct.values:
        distinct.values.add(text)
        distinct.unsent.append(text)


def distinct_text(value: object) -> str:
    """Return the text by which COUNT_UNIQUE tells values apart: the one filters compare.

    Raises:
        RejectedError: TOO_LONG, over 512 bytes.
        InexactNumberError: The value is a float.
    """
    text = property_text(value)
    if is_too_long(text):
        raise RejectedError(
            Reason.TOO_LONG, f"a value over {MAX_VALUE_BYTES} bytes, which is too long to be told apart"
        )
    return text


def is_too_long(text: str) -> bool:
    """Return whether a text takes more than MAX_VALUE_BYTES in UTF-8."""
    return len(text) > MAX_VALUE_BYTES // 4 and len(text.encode()) > MAX_VALUE_BYTES


READ: Final[dict[Aggregation, Callable[[object], Any]]] = {
    Aggregation.SUM: exact_number,
    Aggregation.AVG: exact_number,
    Aggregation.MIN: exact_number,
    Aggregation.MAX: exact_number,
    Aggregation.LATEST: exact_number,
    Aggregation.COUNT_UNIQUE: distinct_text,
}
"""What of a property's value counts, for every aggregation of a field: its number, or its text."""

ADD: Final[dict[Aggregation, Callable[[Cell, Any, int, int], None]]] = {
    Aggregation.SUM: add_sum,
    Aggregation.AVG: add_sum,
    Aggregation.MIN: add_least,
    Aggregation.MAX: add_greatest,
    Aggregation.LATEST: add_latest,
    Aggregation.COUNT_UNIQUE: add_distinct,
}
"""How that enters a cell."""
