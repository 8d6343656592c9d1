"""The thread that fetches for the counting app, and commits for it: aiokafka, as exactness needs it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import aiokafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.core.beginnings import LogBounds
from stream.header_names import read_any_header_names
from stream.whole_batches import read_whole_batches

logger = logging.getLogger(__name__)

_FETCH_WAIT_MS: Final = 100
_FETCH_BYTES: Final = 65_536
"""A fetch answered at every few records costs the broker more than the records do."""
_REQUEST_MS: Final = 40_000
_PARTITION_FETCH_BYTES: Final = 4 * 1024 * 1024
_RETRY_SECONDS: Final = 0.1
_LEAVE_SECONDS: Final = 3.0
_LOST: Final = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class Fetched(dict[Any, Any]):
    """Records by partition, and the number of the seek they were read after.

    `lost_position` says why nothing can be read, where a position lies outside its log.
    """

    def __init__(self, records: Mapping[Any, Any], seek: int, lost_position: str = "") -> None:
        super().__init__(records)
        self.seek = seek
        self.lost_position = lost_position


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a consumer that reads committed records only, in whole batches."""

    _seek = 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        read_whole_batches()
        conf = self.app.conf
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            # A position outside the log is for the guards of `stream.core.beginnings` to judge.
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_min_bytes=_FETCH_BYTES,
            request_timeout_ms=_REQUEST_MS,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )

    async def on_thread_stop(self) -> None:
        """Leave the group, within seconds: brokers that are away are not waited for.

        aiokafka, closing, cancels its requests and awaits them: their cancellation would end this one,
        and the process would never end.
        """
        leaving = asyncio.ensure_future(super().on_thread_stop())
        await asyncio.wait([leaving], timeout=_LEAVE_SECONDS)
        if not leaving.done() or leaving.cancelled():
            logger.warning("left without a word to the group: the brokers do not answer")
        elif (error := leaving.exception()) is not None:
            logger.warning("left the group with an error: %r", error)

    async def committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's commits with their metadata, which aiokafka's own `committed` drops."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - the one place that has it
        found = await self.call_thread(coordinator.fetch_committed_offsets, partitions)
        return dict(found)

    async def bounds(self, partitions: list[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        """Return where each partition's log begins and ends, however long the broker takes to say it."""
        return dict(await self.call_thread(self._bounds, partitions))

    async def _bounds(self, partitions: list[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        consumer = self._ensure_consumer()
        while True:
            try:
                starts = await consumer.beginning_offsets(partitions)
                ends = await consumer.end_offsets(partitions)
            except KafkaError as error:
                logger.warning("waiting for the broker to say where the log begins: %r", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return {one: LogBounds(starts[one], ends[one]) for one in partitions}

    @property
    def generation(self) -> int:
        """The group's generation this member is in; -1 where it is in none."""
        return int(self._ensure_consumer()._coordinator.generation)  # noqa: SLF001 - as above

    async def rejoin(self) -> None:
        """Ask the group for an assignment anew."""
        await self.call_thread(self._rejoin)

    async def _rejoin(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - as above

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

    async def seek_all(self, positions: Mapping[TopicPartition, int], seek: int) -> None:
        """Move the read positions; what is read from then on is of `seek`."""
        await self.call_thread(self._seek_all, positions, seek)

    async def _seek_all(self, positions: Mapping[TopicPartition, int], seek: int) -> None:
        consumer = self._ensure_consumer()
        try:
            for partition, offset in positions.items():
                consumer.seek(partition, offset)
        except IllegalStateError:
            return  # a partition is assigned no more: the rebalance seeks anew
        self._seek = max(self._seek, seek)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Fetched:
        try:
            records = await super()._fetch_records(*args, **kwargs)
        except NoOffsetForPartitionError:
            return Fetched({}, self._seek)  # said of a partition before its position was set
        except UnicodeDecodeError:
            # What was taken of other partitions went with the error: all of them are read anew.
            read_any_header_names()
            return Fetched({}, self._seek, lost_position="a record's header has a name that is no UTF-8")
        except OffsetOutOfRangeError as outside:
            return Fetched({}, self._seek, lost_position=repr(outside))
        # Nothing runs between the taking of the records and this, so they are of the last seek.
        return Fetched(records, self._seek)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Leave out Faust's watch over stock commits: there are none."""
