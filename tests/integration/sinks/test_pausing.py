"""What the sink's pausing has to know of librdkafka."""

from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas import USAGE_SESSIONS


def test_a_pause_outlives_the_assignment_it_was_made_in(
    kafka_with_topics: str, publish: Any, fresh: Any
) -> None:
    publish(USAGE_SESSIONS, *[b"{}"] * 3, key=fresh("key").encode())
    consumer = Consumer({"bootstrap.servers": kafka_with_topics, "group.id": fresh("group")})
    every = [TopicPartition(USAGE_SESSIONS, partition, 0) for partition in range(4)]
    try:
        consumer.assign(every)
        assert consumer.consume(1, timeout=30.0)
        consumer.pause(every)
        consumer.unassign()
        consumer.assign(every)
        assert consumer.consume(1, timeout=2.0) == []
        consumer.resume(every)
        assert consumer.consume(1, timeout=30.0)
    finally:
        consumer.close()
