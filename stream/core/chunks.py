"""The open chunk of one partition: a fold over consecutive records, and where it must stop."""

from collections.abc import Iterable, Sequence
from typing import Final

from stream.core.accounting import Emissions, Outcomes
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Source
from stream.core.matching import Lanes
from stream.core.numbers import InexactNumberError
from stream.core.pins import Pin
from stream.core.rejections import RejectedError
from stream.core.runs import Run
from stream.core.timestamps import latest_accepted
from stream.core.wire import Boundary, Event, exact_properties

CONTROL_HEADER: Final = "meterstream-control"


def is_control(record: LogRecord) -> bool:
    """Return whether a record carries no usage but begins a chunk."""
    return record.value is None and any(name == CONTROL_HEADER for name, _ in record.headers)


class Chunk:
    """Absolute totals of the records from a pinned offset up to `read_end`.

    Attributes:
        read_end: Last offset read + 1: the version of the rows as they stand.
        outcomes: The accounting.
        changed: Whether anything was read since the rows were last taken.
        first_append_time: Of its first record, epoch milliseconds; -1 before one was read.
        last_append_time: Of the last record read.
    """

    def __init__(
        self, source: Source, pin: Pin, definitions: DefinitionSet, generations: Generations
    ) -> None:
        self.source = source
        self.pin = pin
        self.lanes = Lanes(definitions)
        self.read_end = pin.chunk_start
        self.outcomes = Outcomes()
        self.changed = False
        self.first_append_time = -1
        self.last_append_time = -1
        self._generations = generations
        self._run: Run | None = None

    def count(self, records: Sequence[LogRecord], start: int, decoder: Decoder, emissions: Emissions) -> int:
        """Count records from an index on, as far as the chunk goes.

        Returns:
            The index of the first record that does not belong to the chunk; len(records) if all do.
        """
        index = start
        while index < len(records) and (run := self._enter(records[index])) is not None:
            end = _end_of(run, records, index)
            self._count_run(records[index:end], decoder, emissions)
            index = end
        return index

    def _enter(self, record: LogRecord) -> Run | None:
        """Move on to a record; return the run in which nothing begins, None if a chunk begins here."""
        if self._run is None:
            self._run = self.pin.chunk_spacing.run_at(record)
            self.first_append_time = record.timestamp
        elif not self._run.holds(record) or is_control(record):
            return None
        return self._run.overlap(self._generations.enter(record, self.pin.dedupe_spacing))

    def _count_run(self, records: Sequence[LogRecord], decoder: Decoder, emissions: Emissions) -> None:
        outcomes, seen = self.outcomes, self._generations.seen
        outcomes.read += len(records)
        last = records[-1]
        self.read_end, self.last_append_time, self.changed = last.offset + 1, last.timestamp, True
        for record in records:
            try:
                event = decoder.decode(record.value, latest_accepted(record))
            except RejectedError as refused:
                if is_control(record):
                    outcomes.control += 1
                else:
                    outcomes.rejected += 1
                    emissions.refuse(record, refused)
                continue
            if isinstance(event, Boundary):
                outcomes.forwarded += 1
                emissions.boundaries.append((record, event))
            elif event.event_id is not None and seen(event.tenant_id, event.event_id):
                outcomes.duplicate += 1
            else:
                self._match(event, record, emissions)

    def _match(self, event: Event, record: LogRecord, emissions: Emissions) -> None:
        matched = refused = 0
        for lane in self.lanes.for_event(event):
            try:
                try:
                    matched += lane.offer(event, record.offset)
                except InexactNumberError:
                    event.properties = exact_properties(record.value or b"")
                    matched += lane.offer(event, record.offset)
            except RejectedError as refusal:
                refused += 1
                emissions.refuse(record, refusal, lane.definition.meter_id)
        if matched:
            self.outcomes.accepted += 1
        elif refused:
            self.outcomes.rejected += 1
        else:
            self.outcomes.unmatched += 1
        self.outcomes.meter_rejections += refused


def _end_of(run: Run, records: Sequence[LogRecord], start: int) -> int:
    """Return the index of the first record after `start` that leaves the run, or may be a control record."""
    end_offset, timestamp_type, earliest, end = run.end_offset, run.timestamp_type, run.start, run.end
    for index in range(start + 1, len(records)):
        record = records[index]
        if (
            record.offset >= end_offset
            or not earliest <= record.timestamp < end
            or record.value is None
            or record.timestamp_type != timestamp_type
        ):
            return index
    return len(records)


def recall(records: Iterable[LogRecord], decoder: Decoder, generations: Generations) -> None:
    """Remember the event ids of records from before the offset at which counting resumes."""
    for record in records:
        try:
            event = decoder.decode(record.value, latest_accepted(record))
        except RejectedError:
            continue
        if isinstance(event, Event) and event.event_id is not None:
            generations.recall(record.offset, event.tenant_id, event.event_id)
