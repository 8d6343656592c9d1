from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer

from deploy.admin import admin_client
from deploy.topics import apply_topics
from schemas.topics import TopicSpec

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def publish(kafka: str, topic: str, values: list[bytes], codec: str = "none") -> None:
    producer = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": kafka,
            "compression.type": codec,
            "acks": "all",
            "linger.ms": 20,
        }
    )
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def read(kafka: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {"log_level": 0, "bootstrap.servers": kafka, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, timeout=20)
        assert all(message.error() is None for message in messages)
        return sorted(message.value() for message in messages)
    finally:
        consumer.close()


@pytest.mark.parametrize("codec", CODECS)
def test_a_topic_is_recompressed_with_every_codec_the_broker_knows(
    kafka: str, fresh: Callable[[str], str], codec: str
) -> None:
    topic = fresh("codecs")
    # The broker has to decompress and to compress: with librdkafka's codecs alone nothing would be shown.
    other = CODECS[CODECS.index(codec) - 1]
    kept = "uncompressed" if other == "none" else other
    apply_topics(kafka, specs=(TopicSpec(topic, 1, {"compression.type": kept}),))
    values = [b"%05d" % number * 20 for number in range(500)]
    publish(kafka, topic, values, codec)
    assert read(kafka, topic, len(values)) == values


def test_a_topic_nobody_made_is_not_made_by_asking_for_it(kafka: str, fresh: Callable[[str], str]) -> None:
    topic = fresh("absent")
    consumer = Consumer(
        {"log_level": 0, "bootstrap.servers": kafka, "group.id": topic, "allow.auto.create.topics": True}
    )
    consumer.subscribe([topic])
    consumer.poll(2)
    consumer.close()
    assert topic not in admin_client(kafka).list_topics(timeout=10).topics
