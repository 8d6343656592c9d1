"""What the sessions worker does when its log was deleted or made anew, and while there is no broker.

The brokers are these tests' own.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.local.embedded import embedded_kafka
from deploy.topics import apply_topics
from schemas import SESSION_BOUNDARIES

MARK = (int(time.time()) // 3600 - 6) * 3_600_000
HOUR = 3_600_000
Wait = Callable[..., None]


def test_boundaries_deleted_before_they_were_paired_are_said_with_their_offsets(
    tmp_path: Path, new_world: Any, eventually: Wait
) -> None:
    with embedded_kafka(tmp_path / "kafka") as kafka:
        apply_topics(kafka, partitions=1)
        world = new_world(kafka)
        world.worker.start()
        world.tenant.send(session_id="s1", start_time=MARK)
        eventually(lambda: world.published.read().states("s1") == ["open"], within=60)
        eventually(lambda: committed(world) == 1)
        world.worker.kill()
        world.tenant.send(session_id="s1", end_time=MARK + 1)
        world.tenant.send(session_id="s2", start_time=MARK, end_time=MARK + 2)
        delete_before(kafka, 2)
        world.worker.start()
        eventually(lambda: world.published.read().windows("/s2") == {MARK: ("2", 1)}, within=60)
        assert f"{SESSION_BOUNDARIES}/0: offsets 1 to 1 were deleted" in world.worker.log.read_text()
        world.worker.stop()


def test_a_topic_made_anew_under_the_worker_is_not_taken_for_the_old_one(
    tmp_path: Path, new_world: Any, eventually: Wait
) -> None:
    with embedded_kafka(tmp_path / "kafka") as kafka:
        apply_topics(kafka, partitions=1)
        world = new_world(kafka)
        world.worker.start()
        for number in range(3):
            world.tenant.send(session_id="s1", start_time=MARK, end_time=MARK + number + 1)
        eventually(lambda: world.published.read().windows("/s1") == {MARK: ("3", 1)}, within=60)
        eventually(lambda: committed(world) == 3)
        make_anew(kafka, eventually)
        tenant = Producer({"log_level": 0, "bootstrap.servers": kafka, "partitioner": "murmur2_random"})
        for number in range(5):  # more than the old one had, so that its position is one of the new one, too
            boundary = world.tenant.boundary(session_id="s1", start_time=MARK, end_time=MARK + number + 10)
            tenant.produce(SESSION_BOUNDARIES, boundary.to_json(), boundary.key)
        other = world.tenant.boundary(session_id="s2", start_time=MARK, end_time=MARK + 7)
        tenant.produce(SESSION_BOUNDARIES, other.to_json(), other.key)
        assert tenant.flush(30) == 0
        eventually(lambda: world.published.read().windows("/s2") == {MARK: ("7", 1)}, within=90)
        eventually(lambda: world.published.read().windows("/s1") == {MARK: ("14", 1)}, within=60)
        eventually(lambda: committed(world) == 6, within=60)
        assert world.worker.process.poll() is None
        world.worker.stop()


def test_a_worker_without_a_broker_waits_for_it_and_goes_on(
    tmp_path: Path, new_world: Any, eventually: Wait
) -> None:
    with embedded_kafka(tmp_path / "kafka") as kafka:
        apply_topics(kafka, partitions=1)
        world = new_world(kafka)
        process = world.worker.start().process
        world.tenant.send(session_id="s1", start_time=MARK)
        eventually(lambda: world.published.read().states("s1") == ["open"], within=60)
    eventually(lambda: "waiting for the broker" in world.worker.log.read_text(), within=90)
    with embedded_kafka(tmp_path / "kafka"):
        world.tenant.send(session_id="s1", end_time=MARK + 5)
        eventually(lambda: world.published.read().windows("/s1") == {MARK: ("5", 1)}, within=90)
        assert process.poll() is None
    process.terminate()
    assert process.wait(10) is not None  # also while there is no broker


def delete_before(bootstrap_servers: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    for deleted in admin.delete_records([TopicPartition(SESSION_BOUNDARIES, 0, offset)]).values():
        assert deleted.result(30).low_watermark == offset


def make_anew(bootstrap_servers: str, eventually: Wait) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    admin.delete_topics([SESSION_BOUNDARIES])[SESSION_BOUNDARIES].result(30)
    eventually(lambda: SESSION_BOUNDARIES not in admin.list_topics(timeout=30).topics)
    apply_topics(bootstrap_servers, partitions=1)


def committed(world: Any) -> int:
    """Return the offset the worker's group has committed."""
    admin = AdminClient({"bootstrap.servers": world.bootstrap_servers, "log_level": 0})
    asked = ConsumerGroupTopicPartitions(world.worker.group, [TopicPartition(SESSION_BOUNDARIES, 0)])
    (answer,) = admin.list_consumer_group_offsets([asked]).values()
    return int(answer.result(30).topic_partitions[0].offset)
