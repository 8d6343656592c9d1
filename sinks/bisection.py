"""Finding the rows ClickHouse refuses among those it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sinks.errors import RowsRefusedError
from sinks.source_records import SourceRecord


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record (or one line of it) that ClickHouse will never take, and what it says."""

    record: SourceRecord
    detail: str


def insert_or_bisect(
    records: Sequence[SourceRecord], insert: Callable[[Sequence[SourceRecord]], None]
) -> list[Refusal]:
    """Insert all records but those that are refused even alone; those are returned, in their order.

    Some rows may be inserted more than once: a table here replaces rows by their identity.
    """
    if not records:
        return []
    try:
        insert(records)
    except RowsRefusedError as error:
        if len(records) == 1:
            return [Refusal(records[0], str(error))]
        middle = len(records) // 2
        return insert_or_bisect(records[:middle], insert) + insert_or_bisect(records[middle:], insert)
    return []
