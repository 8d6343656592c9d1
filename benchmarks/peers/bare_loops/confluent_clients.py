"""confluent-kafka's clients, configured for volume."""

from confluent_kafka import Consumer, Producer
from task import Task


def consumer(task: Task) -> Consumer:
    """A consumer of the events, which tells when it is given its partitions."""
    made = Consumer(
        {
            "bootstrap.servers": task.bootstrap_servers,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            # Once its queue is full librdkafka waits a second by default before it fetches again.
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
            "fetch.message.max.bytes": 4 << 20,
            "queued.min.messages": 200_000,
        }
    )
    made.subscribe([task.input], on_assign=lambda *_: task.tell_started())
    return made


def producer(task: Task) -> Producer:
    """A producer of rows."""
    return Producer({"bootstrap.servers": task.bootstrap_servers, "compression.type": "lz4", "linger.ms": 20})
