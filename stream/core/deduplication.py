"""Duplicates within the dedupe horizon: the generation an event stands in, and the one before.

A generation is so many records or so much append time, measured from its first record. So the horizon never
shrinks to nothing, as it would where two kinds of fixed ends fall close together, or where the clock steps
back over one. Where generations began is pinned with each chunk, so whoever resumes reads the two of them
again and gives the same answers.
"""

from typing import Final

from stream.core.log import LOG_APPEND_TIME, LogRecord
from stream.core.runs import ALWAYS, Run, Spacing

NO_TIME: Final = -1
"""Of a generation whose first record has a producer's own timestamp: it ends by offset alone."""


def generation_time(record: LogRecord) -> int:
    """Return the time from which a generation that begins at a record is measured, epoch milliseconds."""
    return record.timestamp if record.timestamp_type == LOG_APPEND_TIME else NO_TIME


class Generations:
    """The event ids of the current and of the previous generation of one partition, by tenant.

    Attributes:
        current: Ids of the current generation by tenant.
        previous: Likewise of the previous one.
        previous_start: First offset of the previous generation; equal to current_start where there is none.
        current_start: First offset of the current generation.
        current_time: Append time of its first record, or NO_TIME.
        previous_time: Likewise of the previous generation; NO_TIME also where counting was resumed in the
            current one.
    """

    __slots__ = ("current", "current_start", "current_time", "previous", "previous_start", "previous_time")

    def __init__(self, previous_start: int, current_start: int, current_time: int = NO_TIME) -> None:
        self.previous_start = previous_start
        self.current_start = current_start
        self.current_time = current_time
        self.previous_time = NO_TIME
        self.previous: dict[str, set[str]] = {}
        self.current: dict[str, set[str]] = {}

    def recall(self, offset: int, tenant_id: str, event_id: str) -> None:
        """Remember an id from before the offset at which counting resumes."""
        generation = self.current if offset >= self.current_start else self.previous
        generation.setdefault(tenant_id, set()).add(event_id)

    def enter(self, record: LogRecord, spacing: Spacing) -> Run:
        """Move on to a record, and return the run of what follows it in its generation; in order.

        Args:
            record: The next one to be counted.
            spacing: How many records and seconds a generation is, as pinned for the record's chunk.
        """
        run = self._run(record, spacing)
        if run.holds(record):
            return run
        self.previous_start, self.current_start = self.current_start, record.offset
        self.previous_time, self.current_time = self.current_time, generation_time(record)
        self.previous, self.current = self.current, {}
        return self._run(record, spacing)

    def _run(self, record: LogRecord, spacing: Spacing) -> Run:
        is_timed = record.timestamp_type == LOG_APPEND_TIME and self.current_time != NO_TIME
        end = self.current_time + spacing.seconds * 1000 if is_timed else ALWAYS
        return Run(self.current_start + spacing.records, record.timestamp_type, -ALWAYS, end)

    def horizon_ms(self, now: int) -> int:
        """Return how far back from an append time repeats are known, at the least; 0 where nobody knows."""
        since = self.current_time if self.previous_time == NO_TIME else self.previous_time
        return 0 if since == NO_TIME else max(0, now - since)

    def seen(self, tenant_id: str, event_id: str) -> bool:
        """Return whether the id occurred within the horizon, and remember it either way.

        A duplicate is remembered too: the answer must not depend on where reading began.
        """
        current = self.current.get(tenant_id)
        if current is None:
            current = self.current[tenant_id] = set()
        if event_id in current:
            return True
        current.add(event_id)
        previous = self.previous.get(tenant_id)
        return previous is not None and event_id in previous
