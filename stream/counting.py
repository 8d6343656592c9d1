"""Counting the partitions this worker owns: chunks opened, counted, flushed, acknowledged, pinned.

The order of these steps is the whole of exactness. A pin is committed before the first row of its chunk is
sent; the next pin only after the broker has acknowledged every row of this one.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stream.core.accounting import Emissions
from stream.core.chunks import Chunk, recall
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Source
from stream.core.pins import Pin
from stream.core.runs import Spacing
from stream.emitting import Emitter
from stream.errors import PartitionLostError

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Consecutive records of one partition, and the number of the seek since which they were read."""

    records: Sequence[LogRecord]
    seek: int


class Definitions(Protocol):
    """What counting asks of the `meter-definitions` topic; both block."""

    def end(self) -> int: ...
    def known_at(self, end: int) -> DefinitionSet: ...


class Pins(Protocol):
    """Commits a chunk's start with its pin, or raises PartitionLostError: another worker owns it now."""

    async def __call__(self, partition: int, pin: Pin) -> None: ...


@dataclass(slots=True)
class OwnedPartition:
    """A partition as counted since the last seek.

    Attributes:
        pin: Of the open chunk; None before the partition's first chunk.
        seek: Batches read after another seek do not belong here.
        generations: None until the first record of a partition without a pin.
        chunk: None until its first record is at hand.
    """

    source: Source
    pin: Pin | None
    seek: int
    generations: Generations | None = None
    chunk: Chunk | None = None


class Counting:
    """Counts batches into chunks and sees to it that everything is sent in the order exactness needs."""

    def __init__(
        self,
        *,
        chunk_spacing: Spacing,
        dedupe_spacing: Spacing,
        decoder: Decoder,
        definitions: Definitions,
        emitter: Emitter,
        commit_pin: Pins,
    ) -> None:
        self._chunk_spacing = chunk_spacing
        self._dedupe_spacing = dedupe_spacing
        self._decoder = decoder
        self._definitions = definitions
        self._emitter = emitter
        self._commit_pin = commit_pin
        self._owned: dict[int, OwnedPartition] = {}

    def resume(self, partitions: Sequence[OwnedPartition]) -> None:
        """Own exactly these partitions, each from its pin on: what was counted since is read again."""
        self._owned = {owned.source.partition: owned for owned in partitions}

    def let_go(self) -> None:
        """Own nothing: open chunks stay as last flushed, and whoever resumes counts them again."""
        self._owned = {}

    async def count(self, partition: int, batch: Batch) -> None:
        """Count a batch, unless the partition was let go or read anew since it was fetched.

        Raises:
            PartitionLostError: Another worker owns the partition now.
            StreamError: Nothing further may be counted.
        """
        owned = self._owned.get(partition)
        if owned is None or owned.seek != batch.seek:
            return
        try:
            await self._count(owned, batch.records)
        except Exception:
            # What follows must not be counted either, before the partition is read anew from its pin.
            if self._owned.get(partition) is owned:
                del self._owned[partition]
            raise
        self._emitter.flush_if_due(self.open_chunks())

    async def _count(self, owned: OwnedPartition, records: Sequence[LogRecord]) -> None:
        index = self._skip_read(owned, records)
        while index < len(records):
            if owned.chunk is None:
                owned.chunk = await self._first_chunk(owned, records[index])
            self._raise_if_lost(owned)
            emissions = Emissions()
            index = owned.chunk.count(records, index, self._decoder, emissions)
            self._emitter.publish(owned.source, emissions)
            if index < len(records):
                await self._close(owned, owned.chunk)
                owned.chunk = await self._pinned_chunk(owned, records[index])

    def open_chunks(self) -> list[Chunk]:
        """Return the open chunks of all partitions owned."""
        return [owned.chunk for owned in self._owned.values() if owned.chunk is not None]

    def flush_if_due(self) -> None:
        """Send the rows that changed, when it is time; to be called while no records come."""
        self._emitter.flush_if_due(self.open_chunks())

    def _skip_read(self, owned: OwnedPartition, records: Sequence[LogRecord]) -> int:
        """Recall the ids before the pinned chunk; return the index of the first record not counted yet."""
        if owned.chunk is not None:
            counted_to = owned.chunk.read_end
        elif owned.pin is not None:
            counted_to = owned.pin.chunk_start
        else:
            return 0
        new = next((i for i, record in enumerate(records) if record.offset >= counted_to), len(records))
        if owned.chunk is None and owned.pin is not None:
            recall(records[:new], self._decoder, self._recalled(owned, owned.pin))
        return new

    def _recalled(self, owned: OwnedPartition, pin: Pin) -> Generations:
        if owned.generations is None:
            owned.generations = Generations(pin.previous_generation, pin.current_generation)
        return owned.generations

    async def _first_chunk(self, owned: OwnedPartition, record: LogRecord) -> Chunk:
        if owned.pin is None:
            owned.generations = Generations(record.offset, record.offset)
            return await self._pinned_chunk(owned, record)
        pin = owned.pin
        generations = self._recalled(owned, pin)
        generations.enter_chunk(record, pin.dedupe_spacing)
        definitions = await asyncio.to_thread(self._definitions.known_at, pin.definitions_end)
        logger.info("%s resumes the chunk at offset %d", owned.source, pin.chunk_start)
        return Chunk(owned.source, pin, definitions, generations)

    async def _pinned_chunk(self, owned: OwnedPartition, record: LogRecord) -> Chunk:
        """Begin a chunk at a record: by this worker's settings and all definitions published up to now."""
        generations = owned.generations
        assert generations is not None  # noqa: S101 - every path here has made them
        generations.enter_chunk(record, self._dedupe_spacing)
        end = await asyncio.to_thread(self._definitions.end)
        definitions = await asyncio.to_thread(self._definitions.known_at, end)
        pin = Pin(
            chunk_start=record.offset,
            topic_id=owned.source.topic_id,
            bucket=self._chunk_spacing.bucket(record),
            chunk_records=self._chunk_spacing.records,
            chunk_seconds=self._chunk_spacing.seconds,
            dedupe_records=self._dedupe_spacing.records,
            dedupe_seconds=self._dedupe_spacing.seconds,
            definitions_end=end,
            previous_generation=generations.previous_start,
            current_generation=generations.current_start,
        )
        self._raise_if_lost(owned)
        await self._commit_pin(owned.source.partition, pin)
        self._raise_if_lost(owned)
        owned.pin = pin
        return Chunk(owned.source, pin, definitions, generations)

    async def _close(self, owned: OwnedPartition, chunk: Chunk) -> None:
        self._emitter.flush([chunk])
        await self._emitter.acknowledged()
        self._raise_if_lost(owned)

    def _raise_if_lost(self, owned: OwnedPartition) -> None:
        if self._owned.get(owned.source.partition) is not owned:
            raise PartitionLostError(f"{owned.source} was let go while its chunk was counted")
