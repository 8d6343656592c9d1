"""One partition as its worker counts it: what was read of it since the last seek, and what is to come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from stream.core.beginnings import Remainder
from stream.core.chunks import Chunk, recall
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations, generation_time
from stream.core.log import LogRecord, Source, Stretch
from stream.core.pins import Pin


class Batch(NamedTuple):
    """Consecutive records of one partition, and the number of the seek since which they were read."""

    stretches: Sequence[Stretch]
    seek: int

    @property
    def records(self) -> Iterator[LogRecord]:
        """All of them."""
        return chain.from_iterable(stretch.records for stretch in self.stretches)


@dataclass(slots=True)
class OwnedPartition:
    """A partition as counted since the last seek.

    Attributes:
        pin: Of the open chunk; None before the partition's first chunk.
        seek: Batches read after another seek do not belong here.
        remainder: What is passed over before the first chunk; None where nothing is, or nothing any more.
        generations: None until the first record of a partition without a pin.
        chunk: None until its first record is at hand.
        read_at: When records were read last, by the clock of counting.
        ticked: The end of a chunk for which a tick was sent.
    """

    source: Source
    pin: Pin | None
    seek: int
    remainder: Remainder | None = None
    generations: Generations | None = None
    chunk: Chunk | None = None
    read_at: float = 0.0
    ticked: int = -1

    def skip_read(self, records: Sequence[LogRecord], decoder: Decoder) -> int:
        """Recall the ids before the next record to count; return the index of that record."""
        if self.chunk is not None:
            return _index_of(self.chunk.read_end, records)
        if self.pin is None:
            return self._pass_over(records, decoder)
        new = _index_of(self.pin.chunk_start, records)
        recall(records[:new], decoder, self.recalled(self.pin))
        return new

    def recalled(self, pin: Pin) -> Generations:
        """Return the dedupe generations as pinned, to be filled from the log."""
        if self.generations is None:
            self.generations = Generations(
                pin.previous_generation, pin.current_generation, pin.current_generation_time
            )
        return self.generations

    def begun(self, record: LogRecord) -> Generations:
        """Return the dedupe generations of a partition without a pin: they begin at its first record."""
        if self.generations is None:
            self.generations = Generations(record.offset, record.offset, generation_time(record))
        return self.generations

    def _pass_over(self, records: Sequence[LogRecord], decoder: Decoder) -> int:
        if self.remainder is None or not records:
            return 0
        new = next((i for i, one in enumerate(records) if not self.remainder.takes(one)), len(records))
        recall(records[:new], decoder, self.begun(records[0]))
        return new

    def needs_tick(self, now: float) -> bool:
        """Return whether an open chunk with usage has waited for its next record as long as it may last."""
        chunk = self.chunk
        return (
            chunk is not None
            and chunk.outcomes.read > chunk.outcomes.control
            and self.ticked != chunk.read_end
            and now - self.read_at >= chunk.pin.chunk_seconds
        )


def _index_of(offset: int, records: Sequence[LogRecord]) -> int:
    return next((i for i, record in enumerate(records) if record.offset >= offset), len(records))
