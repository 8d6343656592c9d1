"""Faust's Kafka transport with one message per fetched batch, and commits that are pins.

Faust makes a message, an event and a future of every record; of a batch instead, they cost next to nothing.
Its own commits write no metadata and take a refused commit for done, so none of them may touch the topics
counted here.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Protocol

from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from schemas import USAGE_EVENTS
from stream.core.beginnings import LogBounds
from stream.core.log import Stretch
from stream.core.pins import Pin, decode_pin, encode_pin
from stream.errors import PartitionLostError
from stream.fetching import BatchConsumerThread
from stream.owned import Batch
from stream.standings import Standing, read_standings

logger = logging.getLogger(__name__)


class Found(NamedTuple):
    """What there is of a partition that is to be resumed: the group's pin, None where there is none."""

    pin: Pin | None
    bounds: LogBounds


class Owner(Protocol):
    """Who counts the partitions this transport reads."""

    async def resume(self, found: Mapping[int, Found], seek: int) -> Mapping[int, int]:
        """Own these partitions and say where to read on from; of a seek that is not the last one, nowhere."""

    async def hand_over(self) -> None:
        """Send what was counted and let go of all partitions."""


class BatchConsumer(driver.Consumer):
    """Delivers one message per fetched batch, and commits nothing but pins.

    Attributes:
        seeks: How often the read positions were set or partitions taken away; a batch carries the number
            it was read under.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seeks = 0
        self._generation = -1
        self._has_asked_anew = False

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's
        """Yield a message for every partition's fetched records."""
        records, active = await self._wait_next_records(timeout)
        if getattr(records, "lost_position", ""):
            await self._begin_anew(records.lost_position)
            return
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for partition, batch in records.items():
            tp = TP(partition.topic, partition.partition)
            if not self.flow_active or self.seeks != records.seek:
                return  # a later seek is done or to come: what is left over is read again from the pins
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            yield tp, self._message(tp, batch, records.seek)

    def _message(self, tp: TP, batch: list[Stretch], seek: int) -> ConsumerMessage:
        last = batch[-1].records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            [],
            None,
            Batch(batch, seek),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def rejoin_if_idle(self) -> None:
        """Ask the group once more where it gave this member nothing; to be called now and then.

        A member that is started again under its instance id is given what it had. Where that was nothing, for
        the topic was just being made anew, nobody would assign its partitions any more.
        """
        if self.assignment():
            self._has_asked_anew = False
        elif not self._has_asked_anew:
            self._has_asked_anew = True
            await self._thread.rejoin()

    async def _begin_anew(self, fault: str) -> None:
        """Keep what was counted, and judge anew where counting goes on."""
        logger.error("the read positions are set anew: %s", fault)
        await self.app.transport.owner.hand_over()
        await self.perform_seek()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to where the pins say, and have counting begin anew there."""
        self.seeks += 1
        seeks = self.seeks
        self._generation = self._thread.generation
        partitions = [
            TopicPartition(tp.topic, tp.partition) for tp in self.assignment() if tp.topic == USAGE_EVENTS
        ]
        standings = await read_standings(self._thread, partitions)
        found = {partition: Found(_pin(one), one.bounds) for partition, one in standings.items()}
        # Owned before anything is read after this seek: nothing of that may be dropped.
        positions = {
            TopicPartition(USAGE_EVENTS, partition): offset
            for partition, offset in (await self.app.transport.owner.resume(found, seeks)).items()
        }
        if seeks != self.seeks:
            return {}  # overtaken: the later seek says where to read
        await self._thread.seek_all(positions, seeks)
        return {TP(*partition): offset for partition, offset in positions.items()}

    async def commit_pin(self, partition: int, pin: Pin) -> None:
        """Commit a chunk's start with what its rows depend on.

        Raises:
            PartitionLostError: The group refused it, for another worker owns the partition now.
        """
        await self._commit(
            TopicPartition(USAGE_EVENTS, partition), OffsetAndMetadata(pin.chunk_start, encode_pin(pin))
        )

    async def _commit(self, partition: TopicPartition, commit: OffsetAndMetadata) -> None:
        try:
            await self._thread.commit_in(self._generation, partition, commit)
        except CommitFailedError as refused:
            place = f"{partition.topic}/{partition.partition}"
            raise PartitionLostError(f"the commit of {place} was refused: {refused}") from refused

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Leave out Faust's bookkeeping of offsets between messages: ours are batches."""

    def _new_offset(self, tp: TP) -> None:
        """Let no stock commit happen."""


def _pin(standing: Standing) -> Pin | None:
    committed = standing.committed
    return None if committed is None else decode_pin(committed.offset, committed.metadata)


class BatchTransport(driver.Transport):
    """The transport of an app that counts; its owner is told of every seek."""

    Consumer = BatchConsumer

    def __init__(self, *args: Any, owner: Owner, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
