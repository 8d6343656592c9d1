"""Which records go into which table, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from schemas import topics
from sinks import columns, lines
from sinks.columns import Columns, Row
from sinks.months import as_one_block, by_append_month, by_window_month
from sinks.source_records import SourceRecord

Blocks = Callable[[Sequence[SourceRecord]], list[Sequence[SourceRecord]]]


class Inserts(Protocol):
    """What a table needs of ClickHouse; both raise ClickHouseAwayError and RowsRefusedError."""

    def insert_lines(self, table: str, lines: bytes) -> None:
        """Insert JSON objects, one a line."""

    def insert_columns(
        self, table: str, names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[object]]
    ) -> None:
        """Insert columns of equal length."""


class Table(Protocol):
    """A ClickHouse table that records are written to."""

    @property
    def name(self) -> str:
        """Its name in ClickHouse."""

    @property
    def blocks(self) -> Blocks:
        """Cuts records into what one insert may hold."""

    def insert(self, clickhouse: Inserts, records: Sequence[SourceRecord]) -> None:
        """Write the records in one insert; raises RowsRefusedError where one cannot be."""


@dataclass(frozen=True, slots=True)
class LineTable:
    """A table whose rows are the lines of records."""

    name: str
    encode: Callable[[Sequence[SourceRecord]], bytes]
    blocks: Blocks = as_one_block

    def insert(self, clickhouse: Inserts, records: Sequence[SourceRecord]) -> None:
        """Write the records' lines."""
        clickhouse.insert_lines(self.name, self.encode(records))


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """A table whose rows are built from records."""

    name: str
    columns: Columns
    rows: Callable[[Sequence[SourceRecord]], list[Row]]
    blocks: Blocks = as_one_block

    def insert(self, clickhouse: Inserts, records: Sequence[SourceRecord]) -> None:
        """Write a row for each record that gives one."""
        if rows := self.rows(records):
            by_column = list(zip(*rows, strict=True))
            clickhouse.insert_columns(self.name, self.columns.names, self.columns.types, by_column)


TABLES: Final[tuple[Table, ...]] = (
    ColumnTable("meters", columns.METER_COLUMNS, columns.meter_rows),
    ColumnTable("raw_usage_events", columns.RAW_COLUMNS, columns.raw_rows, by_append_month),
    # Before the rollups they belong to, which would say 0 without them.
    LineTable("usage_distinct_values", lines.rollup_lines, by_window_month),
    LineTable("usage_rollups", lines.rollup_lines, by_window_month),
    LineTable("usage_sessions", lines.session_lines),
    ColumnTable("rejected_usage_events", columns.REJECTED_COLUMNS, columns.rejected_rows),
    # Last: a chunk's accounting says that its rollups are stored.
    LineTable("usage_chunks", lines.chunk_lines),
)
"""In the order they are written."""

_ROLLUP_TABLES: Final = frozenset({b"usage_rollups", b"usage_distinct_values", b"usage_chunks"})
_TABLE_OF_TOPIC: Final = {
    topics.USAGE_EVENTS: "raw_usage_events",
    topics.METER_DEFINITIONS: "meters",
    topics.USAGE_SESSIONS: "usage_sessions",
    topics.USAGE_EVENTS_DLQ: "rejected_usage_events",
}
SINK_TOPICS: Final = (*_TABLE_OF_TOPIC, topics.USAGE_ROLLUPS)
RAW_TOPICS: Final = frozenset({topics.USAGE_EVENTS})
ROW_TOPICS: Final = frozenset(SINK_TOPICS) - RAW_TOPICS


def table_of(record: SourceRecord) -> str | None:
    """The name of the table the record is for; None where a record of usage-rollups names none there is."""
    if record.topic != topics.USAGE_ROLLUPS:
        return _TABLE_OF_TOPIC[record.topic]
    named = record.header(topics.TABLE_HEADER)
    return named.decode() if named in _ROLLUP_TABLES else None
