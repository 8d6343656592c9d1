"""Where a group stands in a partition's log, read before the partition is resumed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream.core.beginnings import LogBounds

_RETRY_SECONDS: Final = 0.1
_TRUNCATED_SECONDS: Final = 10.0


class Group(Protocol):
    """Who is asked: a member of the group."""

    async def committed(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Return the group's commits with their metadata."""

    async def bounds(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, LogBounds]:
        """Return where each partition's log begins and ends."""


class Standing(NamedTuple):
    """What the group has committed of a partition, None for nothing, and what the log has."""

    committed: OffsetAndMetadata | None
    bounds: LogBounds

    @property
    def is_truncated(self) -> bool:
        """Whether the log ends before the commit."""
        return self.committed is not None and self.committed.offset > self.bounds.end


async def read_standings(group: Group, partitions: Sequence[TopicPartition]) -> dict[int, Standing]:
    """Return where the group stands, by partition of one topic.

    A log that ends before its commit is given 10 s: a new leader learns its end late.
    """
    deadline = time.monotonic() + _TRUNCATED_SECONDS
    while True:
        committed = await group.committed(list(partitions))
        bounds = await group.bounds(list(partitions))
        found = {one.partition: Standing(_known(committed.get(one)), bounds[one]) for one in partitions}
        if time.monotonic() > deadline or not any(one.is_truncated for one in found.values()):
            return found
        await asyncio.sleep(_RETRY_SECONDS)


def _known(committed: OffsetAndMetadata | None) -> OffsetAndMetadata | None:
    return None if committed is None or committed.offset < 0 else committed
