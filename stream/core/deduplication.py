"""Duplicates within the dedupe horizon: the generation an event stands in, and the one before.

A generation is a run of records. Its start is pinned with each chunk, so whoever resumes reads the two
generations again and gives the same answers.
"""

from stream.core.log import LogRecord
from stream.core.runs import Run, Spacing


class Generations:
    """The event ids of the current and of the previous generation of one partition, by tenant.

    Attributes:
        previous_start: First offset of the previous generation; equal to current_start where there is none.
        current_start: First offset of the current generation.
        run: The run that is the current generation; None until its first record here is entered.
    """

    __slots__ = ("_current", "_previous", "current_start", "previous_start", "run")

    def __init__(self, previous_start: int, current_start: int) -> None:
        self.previous_start = previous_start
        self.current_start = current_start
        self.run: Run | None = None
        self._previous: dict[str, set[str]] = {}
        self._current: dict[str, set[str]] = {}

    def recall(self, offset: int, tenant_id: str, event_id: str) -> None:
        """Remember an id from before the offset at which counting resumes."""
        generation = self._current if offset >= self.current_start else self._previous
        generation.setdefault(tenant_id, set()).add(event_id)

    def enter(self, record: LogRecord, spacing: Spacing) -> Run:
        """Move on to the generation of a record inside a chunk, and return its run; to be called in order."""
        if self.run is None or not self.run.holds(record):
            return self.enter_chunk(record, spacing)
        return self.run

    def enter_chunk(self, record: LogRecord, spacing: Spacing) -> Run:
        """Move on to the generation of a chunk's first record, by the spacing the chunk is pinned with.

        The run is found anew here, so that it is the same for a worker that resumes at this record.
        """
        if self.run is not None and not self.run.holds(record):
            self.previous_start, self.current_start = self.current_start, record.offset
            self._previous, self._current = self._current, {}
        self.run = spacing.run_at(record)
        return self.run

    def seen(self, tenant_id: str, event_id: str) -> bool:
        """Return whether the id occurred within the horizon, and remember it either way.

        A duplicate is remembered too: the answer must not depend on where reading began.
        """
        current = self._current.get(tenant_id)
        if current is None:
            current = self._current[tenant_id] = set()
        if event_id in current:
            return True
        current.add(event_id)
        previous = self._previous.get(tenant_id)
        return previous is not None and event_id in previous
