"""The core as a worker drives it, through deaths, with a store that keeps the highest version of a row."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from stream.core.accounting import Emissions
from stream.core.chunks import Chunk, recall
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations, generation_time
from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Source, Stretch, stretches
from stream.core.pins import Pin, decode_pin, encode_pin
from stream.core.rows import take_accounting_row, take_rows
from stream.core.runs import Spacing
from stream.core.wire import Boundary

from .histories import Fate, Step
from .plain_fold import FOREIGN_TENANT, CellKey, History, Statistics

_SOURCE = Source("usage-events", "topic-id", 0)
_OUTCOMES = (
    *("read", "control", "forwarded", "duplicate", "rejected", "unmatched", "accepted"),
    "meter_rejections",
)

Row = dict[str, Any]


@dataclass
class Store:
    """What outlives workers: rows and accounting, each as of its highest version, and what else was sent."""

    rows: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    values: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    accounting: dict[int, Row] = field(default_factory=dict)
    letters: set[tuple[int, str, str]] = field(default_factory=set)
    forwarded: dict[int, Boundary] = field(default_factory=dict)
    pins: dict[int, Pin] = field(default_factory=dict)

    def insert(self, lines: Sequence[bytes]) -> None:
        for row in map(json.loads, lines):
            if "read" in row:
                _keep_newest(self.accounting, row["chunk_start"], row)
            elif "value" in row:
                _keep_newest(self.values, (cell_key(row), row["chunk_start"], row["value"]), row)
            else:
                _keep_newest(self.rows, (cell_key(row), row["chunk_start"]), row)

    def cells(self) -> dict[CellKey, Statistics]:
        """Add the rows up over all chunks, as the view does."""
        cells: dict[CellKey, Statistics] = {}
        for row in self.rows.values():
            _add(cells.setdefault(cell_key(row), Statistics()), row)
        for row in self.values.values():
            cells.setdefault(cell_key(row), Statistics()).values.add(row["value"])
        return cells

    def outcomes(self) -> dict[int, Counter[str]]:
        return {
            start: Counter({name: row[name] for name in _OUTCOMES}) for start, row in self.accounting.items()
        }

    def without_versions(self) -> dict[tuple[Any, ...], Row]:
        """Return the rows but for their versions, which tell when they were last sent."""
        return {key: row | {"row_version": None} for key, row in (self.rows | self.values).items()}


def _keep_newest(kept: dict[Any, Row], key: object, row: Row) -> None:
    if key not in kept or kept[key]["row_version"] <= row["row_version"]:
        kept[key] = row


def cell_key(row: Row) -> CellKey:
    return CellKey(
        row["tenant_id"],
        row["environment_id"],
        row["meter_id"],
        row["meter_version"],
        row["customer_id"],
        tuple(row["group"].items()),
        row["window_start"],
        row["window_end"],
    )


def _add(cell: Statistics, row: Row) -> None:
    cell.event_count += row["event_count"]
    if row["sum"] is not None:
        cell.total = (cell.total or Fraction(0)) + Fraction(row["sum"])
    if row["min"] is not None:
        least = Fraction(row["min"])
        cell.least = least if cell.least is None else min(cell.least, least)
    if row["max"] is not None:
        greatest = Fraction(row["max"])
        cell.greatest = greatest if cell.greatest is None else max(cell.greatest, greatest)
    if row["latest"] is not None:
        stated = (row["latest_timestamp"], row["latest_offset"], Fraction(row["latest"]))
        cell.latest = stated if cell.latest is None else max(cell.latest, stated)


def count(history: History, journey: Sequence[Step]) -> Store:
    """Count a log from its start to its end, however often the worker dies on the way."""
    store, late, commit = Store(), list[list[bytes]](), None
    steps = iter(journey)
    while True:
        worker = Worker(history, store, commit)
        fate = worker.run(steps)
        if fate is None:
            break
        commit, sent = worker.commit, worker.changed_rows()
        if fate is Fate.DIES_HALF_SENT:
            store.insert(sent[::2])
        elif fate is Fate.DIES_SENT_LATE:
            late.append(sent)
    for sent in late:
        store.insert(sent)
    return store


class Worker:
    """Counts one partition from the pin it finds."""

    def __init__(self, history: History, store: Store, commit: tuple[int, str] | None) -> None:
        self._history = history
        self._store = store
        self._decoder = Decoder(FOREIGN_TENANT)
        self.commit = commit
        self._position = 0
        self._chunk: Chunk | None = None
        if commit is None:
            first = history.log[0]
            self._generations = Generations(first.offset, first.offset, generation_time(first))
        else:
            self._resume(decode_pin(*commit))

    def _resume(self, pin: Pin) -> None:
        log = self._history.log
        self._generations = Generations(
            pin.previous_generation, pin.current_generation, pin.current_generation_time
        )
        self._position = next(index for index, record in enumerate(log) if record.offset == pin.chunk_start)
        before = [record for record in log[: self._position] if record.offset >= pin.previous_generation]
        recall(before, self._decoder, self._generations)
        self._chunk = Chunk(_SOURCE, pin, self._definitions(pin.definitions_end), self._generations)

    def _definitions(self, end: int) -> DefinitionSet:
        return DefinitionSet(self._history.definitions_before(end))

    def run(self, steps: Iterator[Step]) -> Fate | None:
        """Count batches until it dies, or to the log's end: None then, and all rows are stored."""
        log = self._history.log
        while self._position < len(log):
            step = next(steps, Step(7, Fate.GOES_ON))
            for stretch in stretches(log[self._position : self._position + step.records]):
                self._count(stretch)
            self._position += step.records
            if step.fate not in (Fate.GOES_ON, Fate.FLUSHES):
                return step.fate
            if step.fate is Fate.FLUSHES:
                self._store.insert(self.changed_rows())
        self._store.insert(self.changed_rows())
        return None

    def _count(self, stretch: Stretch) -> None:
        index = 0
        while index < len(stretch.records):
            if self._chunk is None:
                self._chunk = self._begin(stretch.records[index])
            emissions = Emissions()
            index = self._chunk.count(stretch, index, self._decoder, emissions)
            self._publish(emissions)
            if index < len(stretch.records):
                self._store.insert(self.changed_rows())
                self._chunk = None

    def _begin(self, record: LogRecord) -> Chunk:
        settings = self._history.settings_at(record.offset)
        chunks, dedupe = Spacing(*settings.chunk), Spacing(*settings.dedupe)
        self._generations.enter(record, dedupe)
        pin = Pin(
            chunk_start=record.offset,
            topic_id=_SOURCE.topic_id,
            bucket=chunks.bucket(record),
            chunk_records=chunks.records,
            chunk_seconds=chunks.seconds,
            dedupe_records=dedupe.records,
            dedupe_seconds=dedupe.seconds,
            definitions_end=self._history.definitions_end_at(record.offset),
            previous_generation=self._generations.previous_start,
            current_generation=self._generations.current_start,
            current_generation_time=self._generations.current_time,
        )
        self.commit = (record.offset, encode_pin(pin))
        self._store.pins[record.offset] = pin
        return Chunk(_SOURCE, pin, self._definitions(pin.definitions_end), self._generations)

    def _publish(self, emissions: Emissions) -> None:
        for refused in emissions.refusals:
            self._store.letters.add((refused.record.offset, refused.meter_id, str(refused.reason)))
        for record, boundary in emissions.boundaries:
            self._store.forwarded[record.offset] = boundary

    def changed_rows(self) -> list[bytes]:
        """Take the rows that changed since they were last taken, the accounting last."""
        if self._chunk is None or not self._chunk.changed:
            return []
        rows = take_rows(self._chunk)
        return [*rows.distinct_values, *rows.rollups, take_accounting_row(self._chunk)]
