"""Fills the topics: all events on `usage-events`, the first of them on a topic for whoever is slow."""

from dataclasses import dataclass, field, replace
from typing import Final

from confluent_kafka import Producer

from benchmarks.errors import BenchmarkError
from benchmarks.truth import METERS, Truth
from benchmarks.workload import closing_event, events
from deploy.topics import apply_topics
from producers.definitions import apply_meters
from producers.kafka_client import producer_config
from producers.settings import current_settings
from schemas import TOPICS, USAGE_EVENTS, USAGE_ROLLUPS, TopicSpec

PARTITIONS: Final = 4
PREFIX_TOPIC: Final = "bench-usage-events-prefix"

# The broker's own clock tells when the last row was there, whoever wrote it.
_STAMPED: Final = {"message.timestamp.type": "LogAppendTime"}
_POLL_EVERY: Final = 1_000


@dataclass(slots=True)
class Published:
    """What is on the topics: `prefix` are the first events, for whoever is slow."""

    whole: Truth = field(default_factory=Truth)
    prefix: Truth = field(default_factory=Truth)
    bytes: int = 0


def make_topics(bootstrap_servers: str) -> None:
    """Create Meterstream's topics and that of the first events, and publish the meters."""
    specs = tuple(
        replace(spec, config=spec.config | _STAMPED) if spec.name == USAGE_ROLLUPS else spec
        for spec in TOPICS
    )
    make_topic(bootstrap_servers, PREFIX_TOPIC)
    apply_topics(bootstrap_servers, specs=specs, partitions=PARTITIONS)
    apply_meters(bootstrap_servers, METERS)


def make_topic(bootstrap_servers: str, name: str) -> None:
    """Create a topic whose records the broker stamps."""
    apply_topics(bootstrap_servers, specs=(TopicSpec(name, config=_STAMPED),), partitions=PARTITIONS)


def publish(bootstrap_servers: str, count: int, prefix_count: int) -> Published:
    """Publish the workload and what closes its windows; returns once the broker has all of it.

    Raises:
        BenchmarkError: the broker did not take every event.
    """
    producer = fast_producer(bootstrap_servers)
    published = Published()
    for event, is_repeat in events(count):
        value = event.value()
        published.bytes += len(value)
        _produce(producer, USAGE_EVENTS, value, event.key)
        published.whole.add(event, is_repeat)
        if published.prefix.events < prefix_count:
            _produce(producer, PREFIX_TOPIC, value, event.key)
            published.prefix.add(event, is_repeat)
        if not published.whole.events % _POLL_EVERY:
            producer.poll(0)
    await_stored(producer)  # what closes a partition must be its last
    _close(producer, published)
    await_stored(producer)
    return published


def _close(producer: Producer, published: Published) -> None:
    for partition in range(PARTITIONS):
        event = closing_event(partition)
        for topic, truth in ((USAGE_EVENTS, published.whole), (PREFIX_TOPIC, published.prefix)):
            producer.produce(topic, event.value(), event.key, partition=partition)
            truth.add(event, is_repeat=False)


def fast_producer(bootstrap_servers: str) -> Producer:
    """A producer that batches for volume and reports failures alone."""
    own = {"compression.type": "lz4", "linger.ms": 20, "batch.size": 131_072}
    quiet = {"queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True}
    return Producer(producer_config(bootstrap_servers, current_settings(), own | quiet))


def await_stored(producer: Producer) -> None:
    """Wait until the broker has all that was handed over.

    Raises:
        BenchmarkError: it did not take every event.
    """
    if missing := producer.flush(60):
        raise BenchmarkError(f"the broker did not take {missing} events within 60 s")


def _produce(producer: Producer, topic: str, value: bytes, key: bytes) -> None:
    while True:
        try:
            return producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.05)
