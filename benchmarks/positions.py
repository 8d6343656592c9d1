"""How far a worker has read, by its own word: the accounting it sends with every flush.

Committed lag would say nothing: what is committed is where the open chunk began.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from confluent_kafka import Message

from schemas import TABLE_HEADER, ChunkAccounting

_CHUNKS: Final = b"usage_chunks"


class Position(NamedTuple):
    """One partition as of a flush.

    Attributes:
        end: Last offset read + 1.
        read_time: Append time of that last record, epoch seconds.
        said: When the flush was sent, epoch seconds.
    """

    end: int
    read_time: float
    said: float

    @property
    def behind(self) -> float:
        """Seconds of traffic that were not read yet when the flush was sent."""
        return self.said - self.read_time


class Positions:
    """The newest position of each partition."""

    def __init__(self) -> None:
        self.by_partition: dict[int, Position] = {}

    def take(self, messages: Iterable[Message]) -> None:
        """Take in records of `usage-rollups`."""
        for message in messages:
            if dict(message.headers() or ()).get(TABLE_HEADER) == _CHUNKS:
                said = message.timestamp()[1] / 1000
                for line in (message.value() or b"").splitlines():
                    self._take(ChunkAccounting.from_json(line), said)

    def _take(self, chunk: ChunkAccounting, said: float) -> None:
        # The newest word counts, not the highest offset: after a death reading begins further back.
        read_time = chunk.last_append_time / 1000
        self.by_partition[chunk.partition] = Position(chunk.row_version, read_time, said)

    def read(self) -> int:
        """Add up the ends: records read, where logs begin at 0."""
        return sum(position.end for position in self.by_partition.values())

    def since(self, moment: float) -> dict[int, Position]:
        """Return what was said after a moment."""
        return {number: one for number, one in self.by_partition.items() if one.said > moment}
