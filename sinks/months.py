"""Blocks that touch few enough months: ClickHouse refuses a block of more than 100 partitions."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Final

from sinks.source_records import SourceRecord, lines_of

MAX_MONTHS: Final = 90
_SHORTEST_MONTH_MS: Final = 28 * 86_400_000
_WINDOW_START: Final = re.compile(rb'"window_start":\s*(\d{1,10})')


def month_of(epoch_seconds: int) -> int:
    """A number for the month in UTC; neighbouring months have neighbouring numbers."""
    moment = time.gmtime(epoch_seconds)
    return moment.tm_year * 12 + moment.tm_mon


def window_months(value: bytes) -> set[int]:
    """The months the windows of these lines start in; a hint read by pattern, not by parsing."""
    return {month_of(int(start)) for start in set(_WINDOW_START.findall(value))}


def by_window_month(records: Sequence[SourceRecord]) -> list[Sequence[SourceRecord]]:
    """Rollup records in blocks of at most MAX_MONTHS months, cut into lines only where they must be."""
    months: set[int] = set()
    for record in records:
        months |= window_months(record.value or b"")
    if len(months) <= MAX_MONTHS:
        return [records]
    # A record without a line stays as it is, to be refused.
    lines = [line for record in records for line in lines_of(record) or [record]]
    return _blocks(lines, lambda line: min(window_months(line.value or b""), default=0))


def by_append_month(records: Sequence[SourceRecord]) -> list[Sequence[SourceRecord]]:
    """Records in blocks of at most MAX_MONTHS months by the time they were appended."""
    times = [record.append_time for record in records]
    if not times or max(times) - min(times) < (MAX_MONTHS - 1) * _SHORTEST_MONTH_MS:
        return [records]
    return _blocks(records, lambda record: month_of(record.append_time // 1000))


def as_one_block(records: Sequence[SourceRecord]) -> list[Sequence[SourceRecord]]:
    """For a table without partitions."""
    return [records]


def _blocks(
    rows: Sequence[SourceRecord], month: Callable[[SourceRecord], int]
) -> list[Sequence[SourceRecord]]:
    ordered = sorted(((month(row), place) for place, row in enumerate(rows)))
    blocks: list[Sequence[SourceRecord]] = []
    block: list[SourceRecord] = []
    months: set[int] = set()
    for number, place in ordered:
        if number not in months and len(months) == MAX_MONTHS:
            blocks.append(block)
            block, months = [], set()
        months.add(number)
        block.append(rows[place])
    return [*blocks, block] if block else blocks
