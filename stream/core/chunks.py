"""The open chunk of one partition: a fold over consecutive records, and where it must stop."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import DefinitionSet
from stream.core.log import LOG_APPEND_TIME, LogRecord, Source
from stream.core.matching import Lane, Lanes
from stream.core.numbers import InexactNumberError
from stream.core.pins import Pin
from stream.core.rejections import RejectedError
from stream.core.runs import Run
from stream.core.timestamps import latest_accepted
from stream.core.wire import Boundary, Event, exact_properties

CONTROL_HEADER: Final = "meterstream-control"


@dataclass(slots=True)
class Outcomes:
    """How the records read of a chunk ended: each has exactly one outcome.

    `meter_rejections` counts beside them: an accepted event may have been refused by one of its meters.
    """

    read: int = 0
    control: int = 0
    forwarded: int = 0
    duplicate: int = 0
    rejected: int = 0
    unmatched: int = 0
    accepted: int = 0
    meter_rejections: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record, or one meter's use of it, to be sent to the dead letters."""

    record: LogRecord
    reason: str
    detail: str
    meter_id: str = ""


@dataclass(slots=True)
class Emissions:
    """What counting produced beside totals: acknowledged by the broker before the next chunk is pinned."""

    refusals: list[Refusal] = field(default_factory=list)
    boundaries: list[tuple[LogRecord, Boundary]] = field(default_factory=list)


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
        outcomes, generations, spacing = self.outcomes, self._generations, self.pin.dedupe_spacing
        for index in range(start, len(records)):
            record = records[index]
            if self._run is None:
                self._run = self.pin.chunk_spacing.run_at(record)
                self.first_append_time = record.timestamp
            elif not self._run.holds(record) or (record.headers and is_control(record)):
                return index
            generations.enter(record, spacing)
            outcomes.read += 1
            self.read_end, self.last_append_time, self.changed = record.offset + 1, record.timestamp, True
            if record.headers and is_control(record):
                outcomes.control += 1
                continue
            try:
                event = decode(record, decoder)
            except RejectedError as refused:
                outcomes.rejected += 1
                emissions.refusals.append(Refusal(record, refused.reason, refused.detail))
                continue
            if isinstance(event, Boundary):
                outcomes.forwarded += 1
                emissions.boundaries.append((record, event))
            elif event.event_id is not None and generations.seen(event.tenant_id, event.event_id):
                outcomes.duplicate += 1
            else:
                self._match(event, record, emissions)
        return len(records)

    def _match(self, event: Event, record: LogRecord, emissions: Emissions) -> None:
        matched = refused = 0
        for lane in self.lanes.for_event(event):
            try:
                if _count_exactly(lane, event, record):
                    matched += 1
            except RejectedError as refusal:
                matched += 1
                refused += 1
                emissions.refusals.append(
                    Refusal(record, refusal.reason, refusal.detail, lane.definition.meter_id)
                )
        outcomes = self.outcomes
        outcomes.meter_rejections += refused
        if not matched:
            outcomes.unmatched += 1
        elif refused == matched:
            outcomes.rejected += 1
        else:
            outcomes.accepted += 1


def _count_exactly(lane: Lane, event: Event, record: LogRecord) -> bool:
    """Count the event if the lane matches it; read it again where a number in use is not exact yet."""
    try:
        matches = lane.matches(event)
        if matches:
            lane.count(event, record.offset)
    except InexactNumberError:
        event.properties = exact_properties(record.value or b"")
        return _count_exactly(lane, event, record)
    return matches


def decode(record: LogRecord, decoder: Decoder) -> Event | Boundary:
    """Return what a record says.

    Raises:
        RejectedError: With the reason for the dead letter.
    """
    stamped = record.timestamp_type == LOG_APPEND_TIME
    return decoder.decode(record.value, latest_accepted(record.timestamp, stamped_by_broker=stamped))


def recall(records: Iterable[LogRecord], decoder: Decoder, generations: Generations) -> None:
    """Remember the event ids of records from before the offset at which counting resumes."""
    for record in records:
        if is_control(record):
            continue
        try:
            event = decode(record, decoder)
        except RejectedError:
            continue
        if isinstance(event, Event) and event.event_id is not None:
            generations.recall(record.offset, event.tenant_id, event.event_id)
