"""Faust's Kafka transport with one message per fetched batch, and commits that are pins.

Faust makes a message, an event and a future of every record; of a batch instead, they cost next to nothing.
Its own commits write no metadata and take a refused commit for done, so none of them may touch the topics
counted here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import aiokafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from schemas import USAGE_EVENTS
from stream.core.pins import Pin, decode_pin, encode_pin
from stream.counting import Batch
from stream.errors import PartitionLostError

logger = logging.getLogger(__name__)

Resume = Callable[[Mapping[int, Pin | None], int], Awaitable[None]]
"""Called after every seek with each partition's pin and the number of the seek."""

_FETCH_WAIT_MS: Final = 100
_PARTITION_FETCH_BYTES: Final = 4 * 1024 * 1024
_RETRY_SECONDS: Final = 0.1
_LOST: Final = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class Fetched(dict[Any, Any]):
    """Records by partition, and the number of the seek they were read after."""

    def __init__(self, records: Mapping[Any, Any], seek: int) -> None:
        super().__init__(records)
        self.seek = seek


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a consumer that reads committed records only."""

    _seek = 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )

    async def committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's commits with their metadata, which aiokafka's own `committed` drops."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - the one place that has it
        found = await self.call_thread(coordinator.fetch_committed_offsets, partitions)
        return dict(found)

    @property
    def generation(self) -> int:
        """The group's generation this member is in; -1 where it is in none."""
        return int(self._ensure_consumer()._coordinator.generation)  # noqa: SLF001 - as above

    async def commit_in(self, generation: int, partition: TopicPartition, commit: OffsetAndMetadata) -> None:
        """Commit one offset as a member of that generation, and wait for the broker's word."""
        await self.call_thread(self._commit_in, generation, partition, commit)

    async def _commit_in(self, generation: int, partition: TopicPartition, commit: OffsetAndMetadata) -> None:
        # aiokafka's own commit goes on trying under whatever generation it is in by then, and under none.
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001 - as above
        while True:
            await coordinator.ensure_coordinator_known()
            async with coordinator._commit_lock:  # noqa: SLF001 - as above
                subscription = consumer._subscription.subscription  # noqa: SLF001 - as above
                assignment = None if subscription is None else subscription.assignment
                if generation < 0 or coordinator.generation != generation:
                    raise CommitFailedError(f"the group has left generation {generation}")
                if assignment is None or partition not in assignment.tps:
                    raise CommitFailedError(f"{partition} is assigned no more")
                try:
                    # Nothing runs between the check and the making of the request with that generation.
                    await coordinator._do_commit_offsets(assignment, {partition: commit})  # noqa: SLF001 - as above
                except _LOST as lost:
                    raise CommitFailedError(str(lost)) from lost
                except KafkaError as error:
                    if not error.retriable:
                        raise
                else:
                    return
            await asyncio.sleep(_RETRY_SECONDS)

    async def seek_all(self, positions: Mapping[TopicPartition, int | None], seek: int) -> None:
        """Move the read positions, None to the log's start; what is read from then on is of `seek`."""
        await self.call_thread(self._seek_all, positions, seek)

    async def _seek_all(self, positions: Mapping[TopicPartition, int | None], seek: int) -> None:
        consumer = self._ensure_consumer()
        starts = [partition for partition, offset in positions.items() if offset is None]
        if starts:
            await consumer.seek_to_beginning(*starts)
        for partition, offset in positions.items():
            if offset is not None:
                consumer.seek(partition, offset)
        self._seek = seek

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> "Fetched":
        records = await super()._fetch_records(*args, **kwargs)
        # Nothing runs between the taking of the records and this, so they are of the last seek.
        return Fetched(records, self._seek)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Leave out Faust's watch over stock commits: there are none."""


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

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's
        """Yield a message for every partition's fetched records."""
        records, active = await self._wait_next_records(timeout)
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

    def _message(self, tp: TP, batch: list[Any], seek: int) -> ConsumerMessage:
        last = batch[-1]
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

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to where the pins say, and have counting begin anew there."""
        self.seeks += 1
        seeks = self.seeks
        self._generation = self._thread.generation
        partitions = [
            TopicPartition(tp.topic, tp.partition) for tp in self.assignment() if tp.topic == USAGE_EVENTS
        ]
        committed = await self._thread.committed(partitions)
        pins = {partition.partition: _pin(committed.get(partition)) for partition in partitions}
        starts = {
            partition: None if pin is None else pin.previous_generation
            for partition, pin in zip(partitions, pins.values(), strict=True)
        }
        await self._thread.seek_all(starts, seeks)
        await self.app.transport.resume(pins, seeks)
        return {TP(*partition): -1 if start is None else start for partition, start in starts.items()}

    async def commit_pin(self, partition: int, pin: Pin) -> None:
        """Commit a chunk's start with what its rows depend on.

        Raises:
            PartitionLostError: The group refused it, for another worker owns the partition now.
        """
        try:
            await self._thread.commit_in(
                self._generation,
                TopicPartition(USAGE_EVENTS, partition),
                OffsetAndMetadata(pin.chunk_start, encode_pin(pin)),
            )
        except CommitFailedError as refused:
            raise PartitionLostError(
                f"the pin of {USAGE_EVENTS}/{partition} was refused: {refused}"
            ) from refused

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Leave out Faust's bookkeeping of offsets between messages: ours are batches."""

    def _new_offset(self, tp: TP) -> None:
        """Let no stock commit happen."""


def _pin(committed: OffsetAndMetadata | None) -> Pin | None:
    if committed is None or committed.offset < 0:
        return None
    return decode_pin(committed.offset, committed.metadata)


class BatchTransport(driver.Transport):
    """The transport of an app that counts; `resume` is told of every seek."""

    Consumer = BatchConsumer

    def __init__(self, *args: Any, resume: Resume, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.resume = resume
