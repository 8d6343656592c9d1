"""The open chunk of one partition: a fold over consecutive records, and where it must stop."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from stream.core.accounting import Emissions, Outcomes
from stream.core.decoding import MAX_ID_BYTES, Decoder, decode_plain, has_usual_fields_alone
from stream.core.deduplication import Generations
from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Source, Stretch
from stream.core.matching import Lane, Lanes
from stream.core.numbers import InexactNumberError
from stream.core.pins import Pin
from stream.core.rejections import RejectedError
from stream.core.runs import Run
from stream.core.timestamps import EARLIEST, earliest_bound, latest_accepted, parse_timestamp
from stream.core.wire import Boundary, Event, Interval, exact_properties

CONTROL_HEADER: Final = "meterstream-control"

_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError, TypeError, KeyError, RejectedError)
"""What the plain case raises where a record is not plain: KeyError of a tenant or name not seen before."""
_SHORT: Final = MAX_ID_BYTES // 4
"""Characters; a text no longer than that is within the bounds."""
_NO_IDS: Final[frozenset[str]] = frozenset()


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

    def count(self, stretch: Stretch, start: int, decoder: Decoder, emissions: Emissions) -> int:
        """Count the records of a stretch from an index on, as far as the chunk goes.

        Returns:
            The index of the first record that does not belong to the chunk; the stretch's length if all do.
        """
        records, index = stretch.records, start
        while index < len(records) and (run := self._enter(records[index])) is not None:
            end = _end_of(run, records, index)
            index = self._count_run(run, records, index, end, decoder, emissions)
        return index

    def _enter(self, record: LogRecord) -> Run | None:
        """Move on to a record; return the run in which nothing begins, None if a chunk begins here."""
        if self._run is None:
            self._run = self.pin.chunk_spacing.run_at(record)
            self.first_append_time = record.timestamp
        elif not self._run.holds(record) or is_control(record):
            return None
        return self._run.overlap(self._generations.enter(record, self.pin.dedupe_spacing))

    def _count_run(
        self,
        run: Run,
        records: Sequence[LogRecord],
        start: int,
        end: int,
        decoder: Decoder,
        emissions: Emissions,
    ) -> int:
        """Count records among which no dedupe generation begins, nor a chunk but by a control record.

        The plain case is written out here, for speed: an event with the six usual fields, whose tenant and
        name were seen before. Whatever is not plain is counted by the rules.

        Returns:
            The index of the first record after `start` that may be a control record; `end` if none is.
        """
        known, before = self._generations.current, self._generations.previous
        lanes_of, latest = self.lanes.by_tenant, earliest_bound(run)
        duplicate = unmatched = 0
        for index in range(start, end):
            record = records[index]
            value = record.value
            if value is None and index > start:
                end = index
                break
            try:
                event = decode_plain(value)  # type: ignore[arg-type] # None is refused like other faults
                timestamp = parse_timestamp(event.timestamp)
                tenant_id = event.tenant_id
                lanes = lanes_of[tenant_id][event.event_name]
                ids = known[tenant_id]
            except _NOT_PLAIN:
                self._count_by_the_rules(record, decoder, emissions)
                continue
            event_id, customer_id, properties = event.event_id, event.customer_id, event.properties
            if not (
                event_id
                and properties
                and has_usual_fields_alone(value, len(properties))  # type: ignore[arg-type] # decoded, so bytes
                and not event_id.isspace()
                and customer_id
                and not customer_id.isspace()
                and timestamp >= EARLIEST
                and (timestamp <= latest or timestamp <= latest_accepted(record))
                and len(event_id) <= _SHORT
                and len(customer_id) <= _SHORT
            ):
                self._count_by_the_rules(record, decoder, emissions)
                continue
            size = len(ids)
            ids.add(event_id)
            if len(ids) == size or event_id in before.get(tenant_id, _NO_IDS):
                duplicate += 1
            elif lanes:
                self._match(lanes, record, emissions, customer_id, timestamp, properties, None)
            else:
                unmatched += 1
        outcomes, last = self.outcomes, records[end - 1]
        outcomes.read += end - start
        outcomes.duplicate += duplicate
        outcomes.unmatched += unmatched
        self.read_end, self.last_append_time, self.changed = last.offset + 1, last.timestamp, True
        return end

    def _count_by_the_rules(self, record: LogRecord, decoder: Decoder, emissions: Emissions) -> None:
        """Count one record of any kind."""
        try:
            event = decoder.decode(record.value, latest_accepted(record))
        except RejectedError as refused:
            if is_control(record):
                self.outcomes.control += 1
            else:
                self.outcomes.rejected += 1
                emissions.refuse(record, refused)
            return
        if isinstance(event, Boundary):
            self.outcomes.forwarded += 1
            emissions.boundaries.append((record, event))
        elif event.event_id is not None and self._generations.seen(event.tenant_id, event.event_id):
            self.outcomes.duplicate += 1
        else:
            timestamp: int = event.timestamp  # type: ignore[assignment] # an int once its bounds are checked
            properties, lanes = event.properties or {}, self.lanes.for_event(event)
            self._match(lanes, record, emissions, event.customer_id, timestamp, properties, event.interval)

    def _match(
        self,
        lanes: list[Lane],
        record: LogRecord,
        emissions: Emissions,
        customer_id: str,
        timestamp: int,
        properties: dict[str, Any],
        interval: Interval | None,
    ) -> None:
        """Offer an event's usage to every lane, and note what became of it."""
        matched = refused = 0
        offset = record.offset
        for lane in lanes:
            try:
                try:
                    matched += lane.offer(customer_id, timestamp, properties, interval, offset)
                except InexactNumberError:
                    properties = exact_properties(record.value or b"")
                    matched += lane.offer(customer_id, timestamp, properties, interval, offset)
            except RejectedError as refusal:
                refused += 1
                emissions.refuse(record, refusal, lane.definition.meter_id)
        outcomes = self.outcomes
        if matched:
            outcomes.accepted += 1
        elif refused:
            outcomes.rejected += 1
        else:
            outcomes.unmatched += 1
        outcomes.meter_rejections += refused


def _end_of(run: Run, records: Sequence[LogRecord], start: int) -> int:
    """Return the index of the first record after `start` whose offset leaves the run."""
    if records[-1].offset < run.end_offset:
        return len(records)
    return bisect_left(records, run.end_offset, start + 1, key=attrgetter("offset"))


def recall(records: Iterable[LogRecord], decoder: Decoder, generations: Generations) -> None:
    """Remember the event ids of records from before the offset at which counting resumes."""
    for record in records:
        try:
            event = decoder.decode(record.value, latest_accepted(record))
        except RejectedError:
            continue
        if isinstance(event, Event) and event.event_id is not None:
            generations.recall(record.offset, event.tenant_id, event.event_id)
