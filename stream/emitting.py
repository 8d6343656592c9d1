"""What counting sends: rows of open chunks about once a second, dead letters and boundaries at once."""

from collections.abc import Callable, Iterable
from typing import Final

from schemas import (
    CONTROL_HEADER,
    CONTROL_TICK,
    SESSION_BOUNDARIES,
    SOURCE_HEADERS,
    TABLE_HEADER,
    USAGE_ROLLUPS,
    SessionBoundary,
    message_key,
)
from stream.core.accounting import Emissions
from stream.core.chunks import Chunk
from stream.core.log import LogRecord, Source
from stream.core.rows import take_accounting_row, take_rows
from stream.core.wire import Boundary
from stream.outbox import Outbox, publish_dead_letter, publish_distinct_values, publish_rollups

_CHUNKS: Final = [(TABLE_HEADER, b"usage_chunks")]
_TICK: Final = [(CONTROL_HEADER, CONTROL_TICK)]


class Emitter:
    """Sends rows within the row budget.

    Args:
        clock: Monotonic seconds.
        flush_seconds: How often changed rows are sent, at the most.
        row_budget: Rows a second; where more have changed, the next flush waits for longer.
    """

    def __init__(
        self, outbox: Outbox, clock: Callable[[], float], *, flush_seconds: float, row_budget: int
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._row_budget = row_budget
        self._next_flush = clock() + flush_seconds
        self._busy_until = clock()

    def publish(self, source: Source, emissions: Emissions) -> None:
        """Send dead letters and forward session boundaries."""
        for refused in emissions.refusals:
            record = refused.record
            publish_dead_letter(self._outbox, record, source, record.offset, refused, refused.meter_id)
        for record, boundary in emissions.boundaries:
            self._forward(source, record, boundary)

    def _forward(self, source: Source, record: LogRecord, boundary: Boundary) -> None:
        forwarded = SessionBoundary.model_validate(
            {
                "boundary_id": boundary.event_id or f"{source.topic_id}/{source.partition}/{record.offset}",
                "tenant_id": boundary.tenant_id,
                "environment_id": boundary.environment_id,
                "customer_id": boundary.customer_id,
                "meter_id": boundary.meter_id,
                "device_id": boundary.device_id,
                "session_id": boundary.session_id,
                "start_time": boundary.start_time,
                "end_time": boundary.end_time,
                "metadata": boundary.metadata,
            }
        )
        origin = zip(SOURCE_HEADERS, (source.topic_id, source.partition, record.offset), strict=True)
        headers = [(name, str(value).encode()) for name, value in origin]
        self._outbox.produce(SESSION_BOUNDARIES, forwarded.model_dump_json().encode(), forwarded.key, headers)

    def tick(self, source: Source) -> None:
        """Append a record without usage to a partition that fell silent: it ends the open chunk."""
        self._outbox.produce(source.topic, None, headers=_TICK, partition=source.partition)

    async def has_room(self) -> None:
        """Wait while too much waits for the broker to take it.

        Raises:
            RowsRefusedError: It refused something for good.
        """
        await self._outbox.has_room()

    def flush_if_due(self, chunks: Iterable[Chunk]) -> None:
        """Send what changed, when the last flush is long enough ago and the broker takes what is sent."""
        self._outbox.poll()
        if self._clock() >= self._next_flush and not self._outbox.is_crowded:
            self._next_flush = self._clock() + self._flush_seconds
            self.flush(chunks)

    def flush(self, chunks: Iterable[Chunk]) -> None:
        """Send the chunks' changed rows and after them their accounting.

        A chunk that ends is sent whenever that is, and delays the next flush only by what it took of the
        budget: or else many short chunks would keep the open ones from being sent.
        """
        rows = sum(self._flush_chunk(chunk) for chunk in chunks if chunk.changed)
        self._busy_until = max(self._busy_until, self._clock()) + rows / self._row_budget
        self._next_flush = max(self._next_flush, self._busy_until)

    def _flush_chunk(self, chunk: Chunk) -> int:
        key = message_key(chunk.source.topic_id, str(chunk.source.partition))
        rows = take_rows(chunk)
        publish_distinct_values(self._outbox, rows.distinct_values, key)
        publish_rollups(self._outbox, rows.rollups, key)
        self._outbox.produce(USAGE_ROLLUPS, take_accounting_row(chunk), key, _CHUNKS)
        return len(rows.distinct_values) + len(rows.rollups) + 1

    async def acknowledged(self) -> None:
        """Wait until the broker has everything sent so far.

        Raises:
            RowsRefusedError: It refused something for good.
        """
        await self._outbox.drain()
