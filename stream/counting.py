"""Counting the partitions this worker owns: chunks opened, counted, flushed, acknowledged, pinned.

The order of these steps is the whole of exactness. A pin is committed before the first row of its chunk is
sent; the next pin only after the broker has acknowledged every row of this one.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from stream.core.accounting import Emissions
from stream.core.beginnings import begins_chunk
from stream.core.chunks import Chunk, is_control
from stream.core.decoding import Decoder
from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Stretch
from stream.core.pins import Pin
from stream.core.runs import Spacing
from stream.emitting import Emitter
from stream.errors import PartitionLostError
from stream.metrics import DEDUPE_HORIZON_SECONDS, PASSED_OVER_OFFSETS, READ_OFFSET, TICKS
from stream.owned import Batch, OwnedPartition
from stream.patience import patiently

logger = logging.getLogger(__name__)


class Definitions(Protocol):
    """What counting asks of the `meter-definitions` topic; both block for seconds, or say that it is away."""

    def end(self) -> int: ...
    def known_at(self, end: int) -> DefinitionSet: ...


class Pins(Protocol):
    """Commits a chunk's start with its pin, or raises PartitionLostError: another worker owns it now."""

    async def __call__(self, partition: int, pin: Pin) -> None: ...


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chunk_spacing = chunk_spacing
        self._dedupe_spacing = dedupe_spacing
        self._decoder = decoder
        self._definitions = definitions
        self._emitter = emitter
        self._commit_pin = commit_pin
        self._clock = clock
        self._owned: dict[int, OwnedPartition] = {}

    def resume(self, partitions: Sequence[OwnedPartition]) -> None:
        """Own exactly these partitions, each from its pin on: what was counted since is read again."""
        self._owned = {owned.source.partition: owned for owned in partitions}

    def let_go(self) -> None:
        """Own nothing: open chunks stay as last flushed, and whoever resumes counts them again."""
        self._owned = {}
        READ_OFFSET.clear()
        DEDUPE_HORIZON_SECONDS.clear()

    async def hand_over(self) -> None:
        """Let go, with all that was counted sent and acknowledged: what is visible does not fall back.

        Nothing depends on it: whoever resumes counts the open chunks again, and to the same rows.

        Raises:
            RowsRefusedError: The broker refused something for good.
        """
        chunks = self.open_chunks()
        self.let_go()
        await self._emitter.has_room()
        self._emitter.flush(chunks)
        await self._emitter.acknowledged()

    async def count(self, partition: int, batch: Batch) -> None:
        """Count a batch, unless the partition was let go or read anew since it was fetched.

        Raises:
            PartitionLostError: Another worker owns the partition now.
            StreamError: Nothing further may be counted.
        """
        await self._emitter.has_room()
        owned = self._owned.get(partition)
        if owned is None or owned.seek != batch.seek:
            return
        try:
            owned.read_at = self._clock()
            for stretch in batch.stretches:
                await self._count(owned, stretch)
        except BaseException:
            # What follows must not be counted either, before the partition is read anew from its pin. Of a
            # count that was cancelled, too: the rest of its batch would be passed over.
            if self._owned.get(partition) is owned:
                del self._owned[partition]
            raise
        self._emitter.flush_if_due(self.open_chunks())

    async def _count(self, owned: OwnedPartition, stretch: Stretch) -> None:
        records = stretch.records
        index = owned.skip_read(records, self._decoder)
        while index < len(records):
            if owned.chunk is None:
                owned.chunk = await self._first_chunk(owned, records[index])
            self._raise_if_lost(owned)
            emissions = Emissions()
            index = owned.chunk.count(stretch, index, self._decoder, emissions)
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

    def tick_if_silent(self) -> None:
        """Have open chunks end whose partitions fell silent: a tick begins the next one."""
        now = self._clock()
        for owned in self._owned.values():
            if owned.chunk is not None and owned.needs_tick(now):
                self._emitter.tick(owned.source)
                TICKS.labels(owned.source.topic, owned.source.partition).inc()
                owned.ticked = owned.chunk.read_end

    def measure(self) -> None:
        """Write down where counting stands."""
        for owned in self._owned.values():
            if owned.chunk is not None and owned.generations is not None:
                where = (owned.source.topic, owned.source.partition)
                READ_OFFSET.labels(*where).set(owned.chunk.read_end)
                horizon = owned.generations.horizon_ms(owned.chunk.last_append_time)
                DEDUPE_HORIZON_SECONDS.labels(*where).set(horizon / 1000)

    async def _first_chunk(self, owned: OwnedPartition, record: LogRecord) -> Chunk:
        pin = owned.pin
        if owned.remainder is not None:
            if owned.remainder.offsets:
                text = "%s: %s; counting begins at %d"
                logger.error(text, owned.source, owned.remainder, record.offset)
            where = (owned.source.topic, owned.source.partition)
            PASSED_OVER_OFFSETS.labels(*where).inc(owned.remainder.offsets)
            owned.remainder = None
        if pin is None:
            owned.begun(record)
            return await self._pinned_chunk(owned, record)
        generations = owned.recalled(pin)
        if record.offset != pin.chunk_start and begins_chunk(record, pin):
            # Of the pinned chunk nothing is left, and nothing of it was usage.
            return await self._pinned_chunk(owned, record)
        definitions = await patiently(self._definitions.known_at, pin.definitions_end)
        logger.info("%s resumes the chunk at offset %d", owned.source, pin.chunk_start)
        return Chunk(owned.source, pin, definitions, generations)

    async def _pinned_chunk(self, owned: OwnedPartition, record: LogRecord) -> Chunk:
        """Begin a chunk at a record: by this worker's settings and all definitions published up to now."""
        generations = owned.generations
        assert generations is not None  # noqa: S101 - every path here has made them
        generations.enter(record, self._dedupe_spacing)
        end = await patiently(self._definitions.end)
        definitions = await patiently(self._definitions.known_at, end)
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
            current_generation_time=generations.current_time,
            begins_with_control=is_control(record),
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
