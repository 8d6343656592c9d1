"""The counting app's transport for the sessions app: batches tagged by the seek they were read after.

Faust seeks at once after a rebalance. Here the table is restored first, in the background and for as long as
it takes; what is fetched until then is of an older seek, and dropped.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas import SESSION_BOUNDARIES
from stream.core.beginnings import LogBounds
from stream.errors import PartitionLostError
from stream.sessions.positions import Committed, decode_committed
from stream.transport import BatchConsumer

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.1
_TRUNCATED_SECONDS: Final = 10.0


class Owner(Protocol):
    """Who pairs the partitions this transport reads."""

    def begin(self, partitions: list[int], seek: int) -> None:
        """Own these partitions, once their tables are restored, and none from now until then."""


class Found(NamedTuple):
    """What there is of a partition that is to be resumed."""

    committed: Committed | None
    bounds: LogBounds

    @property
    def is_truncated(self) -> bool:
        """Whether the log ends before the commit."""
        return self.committed is not None and self.committed.offset > self.bounds.end


class BoundaryConsumer(BatchConsumer):
    """Delivers batches of boundaries read after the last seek, and commits nothing but what is told."""

    _read_seek = 0

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Have the partitions resumed; `read_from` says later where their reading goes on."""
        self.seeks += 1
        self._generation = self._thread.generation
        assigned = self.assignment()
        self.app.transport.owner.begin(
            sorted(tp.partition for tp in assigned if tp.topic == SESSION_BOUNDARIES), self.seeks
        )
        return dict.fromkeys(assigned, -1)

    async def find(self, partitions: list[int]) -> dict[int, Found]:
        """Return what was committed of partitions, and what their logs have.

        A log that ends before its commit is given time: a new leader learns its end late.
        """
        wanted = [TopicPartition(SESSION_BOUNDARIES, partition) for partition in partitions]
        deadline = time.monotonic() + _TRUNCATED_SECONDS
        while True:
            committed = await self._thread.committed(wanted)
            bounds = await self._thread.bounds(wanted)
            found = {one.partition: Found(_committed(committed.get(one)), bounds[one]) for one in wanted}
            if time.monotonic() > deadline or not any(one.is_truncated for one in found.values()):
                return found
            await asyncio.sleep(_RETRY_SECONDS)

    async def read_from(self, offsets: Mapping[int, int], seek: int) -> None:
        """Read partitions on from these offsets; what comes from there is of that seek."""
        positions = {TopicPartition(SESSION_BOUNDARIES, one): offset for one, offset in offsets.items()}
        for partition in positions:
            self._read_offset[TP(*partition)] = None  # Faust's, by which it drops what it has read before
        await self._thread.seek_all(positions, seek)
        self._read_seek = seek

    async def commit_paired(self, partition: int, committed: Committed) -> None:
        """Commit that all before an offset is paired.

        Raises:
            PartitionLostError: The group refused it, for another worker owns the partition now.
        """
        try:
            await self._thread.commit_in(
                self._generation,
                TopicPartition(SESSION_BOUNDARIES, partition),
                OffsetAndMetadata(committed.offset, committed.metadata),
            )
        except CommitFailedError as refused:
            raise PartitionLostError(
                f"the commit of {SESSION_BOUNDARIES}/{partition} was refused: {refused}"
            ) from refused

    async def _begin_anew(self, fault: str) -> None:
        if self._read_seek == self.seeks:  # else it is about to be set
            logger.error("the read positions are set anew: %s", fault)
            await self.perform_seek()


def _committed(found: OffsetAndMetadata | None) -> Committed | None:
    if found is None or found.offset < 0:
        return None
    return decode_committed(found.offset, found.metadata)


class BoundaryTransport(driver.Transport):
    """The transport of an app that pairs boundaries; its owner is told of every seek."""

    Consumer = BoundaryConsumer

    def __init__(self, *args: Any, owner: Owner, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
