"""The counting app's transport for the sessions app: batches tagged by the seek they were read after.

Faust seeks at once after a rebalance. Here the table is restored first, in the background and for as long as
it takes; what is fetched until then is of an older seek, and dropped.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas import SESSION_BOUNDARIES
from stream.core.beginnings import LogBounds
from stream.sessions.positions import Committed, decode_committed
from stream.standings import Standing, read_standings
from stream.transport import BatchConsumer

logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Who pairs the partitions this transport reads."""

    def begin(self, partitions: list[int], seek: int) -> None:
        """Own these partitions, once their tables are restored, and none from now until then."""


class Found(NamedTuple):
    """What there is of a partition that is to be resumed."""

    committed: Committed | None
    bounds: LogBounds


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
        """Return what was committed of partitions, and what their logs have."""
        wanted = [TopicPartition(SESSION_BOUNDARIES, partition) for partition in partitions]
        standings = await read_standings(self._thread, wanted)
        return {one: Found(_committed(standing), standing.bounds) for one, standing in standings.items()}

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
        await self._commit(
            TopicPartition(SESSION_BOUNDARIES, partition),
            OffsetAndMetadata(committed.offset, committed.metadata),
        )

    async def _begin_anew(self, fault: str) -> None:
        if self._read_seek == self.seeks:  # else it is about to be set
            logger.error("the read positions are set anew: %s", fault)
            await self.perform_seek()


def _committed(standing: Standing) -> Committed | None:
    found = standing.committed
    return None if found is None else decode_committed(found.offset, found.metadata)


class BoundaryTransport(driver.Transport):
    """The transport of an app that pairs boundaries; its owner is told of every seek."""

    Consumer = BoundaryConsumer

    def __init__(self, *args: Any, owner: Owner, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
