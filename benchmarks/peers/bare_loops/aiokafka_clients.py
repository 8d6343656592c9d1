"""aiokafka's clients, configured for volume."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from task import Task


class _TellsStart(ConsumerRebalanceListener):
    def __init__(self, task: Task) -> None:
        self._task = task

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        pass

    def on_partitions_assigned(self, _assigned: set[TopicPartition]) -> None:
        self._task.tell_started()


@asynccontextmanager
async def clients(task: Task) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
    """A consumer of the events, which tells when it is given its partitions, and a producer of rows."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=task.bootstrap_servers,
        group_id=task.group,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_bytes=16 << 20,
        fetch_max_wait_ms=50,
        check_crcs=False,  # as librdkafka's default is
    )
    consumer.subscribe([task.input], listener=_TellsStart(task))
    producer = AIOKafkaProducer(
        bootstrap_servers=task.bootstrap_servers, compression_type="lz4", linger_ms=20, max_batch_size=262_144
    )
    await producer.start()
    await consumer.start()
    try:
        yield consumer, producer
    finally:
        await consumer.stop()
        await producer.stop()
