"""One batch into ClickHouse: every row is in, or among the dead letters, when it returns."""

import logging
from collections.abc import Callable, Sequence
from threading import Event
from typing import Final

from sinks.batches import Batch
from sinks.bisection import Refusal, insert_or_bisect
from sinks.counters import Counters
from sinks.dead_letters import DeadLetters
from sinks.retries import retry_while_away
from sinks.source_records import SourceRecord, lines_of
from sinks.tables import TABLES, ColumnTable, Inserts, Table

_HOMELESS: Final = "the header meterstream-table names no table that takes rows of this topic"
"""Detail of a dead letter from usage-rollups without a table."""

log = logging.getLogger(__name__)


class Writer:
    """Writes batches, one at a time, in the order of TABLES."""

    def __init__(self, clickhouse: Inserts, dead_letters: DeadLetters, counters: Counters) -> None:
        self._clickhouse = clickhouse
        self._dead_letters = dead_letters
        self._counters = counters

    def write(self, batch: Batch, stop: Event) -> None:
        """Write all of the batch, waiting for ClickHouse as long as it takes.

        Raises:
            ClickHouseAwayError: `stop` was set first; some of the batch may be written.
        """
        refusals = [Refusal(record, _HOMELESS) for record in batch.homeless]
        for table in TABLES:
            if records := batch.records.get(table.name):
                refusals += self._insert(table, records, stop)
        self._say_deleted([each for each in batch.records.get("meters", ()) if each.value is None])
        if refusals:
            self._dead_letters.send(refusals, stop)

    def _insert(self, table: Table, records: list[SourceRecord], stop: Event) -> list[Refusal]:
        def insert(rows: Sequence[SourceRecord]) -> None:
            retry_while_away(lambda: table.insert(self._clickhouse, rows), table.name, stop)

        refusals: list[Refusal] = []
        for block in table.blocks(records):
            refusals += _without_the_refused(table, block, insert)
        return refusals

    def _say_deleted(self, records: Sequence[SourceRecord]) -> None:
        for record in records:
            log.info(
                "definition deleted from its topic, its row stays: key=%s",
                record.key.decode(errors="replace"),
            )
        self._counters.deleted_definitions += len(records)


def _without_the_refused(
    table: Table, block: Sequence[SourceRecord], insert: Callable[[Sequence[SourceRecord]], None]
) -> list[Refusal]:
    refused = insert_or_bisect(block, insert)
    if isinstance(table, ColumnTable):
        return refused
    # The other lines of a refused record are as good as any.
    lines = [line for refusal in refused for line in lines_of(refusal.record)]
    lineless = [refusal for refusal in refused if not lines_of(refusal.record)]
    return [*lineless, *insert_or_bisect(lines, insert)]
