"""The sessions worker killed, refused and started again; here it is the only one that pairs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas import SESSION_BOUNDARIES
from stream.core.lifetimes import DEFAULT_LIFETIMES
from stream.core.session_state import SessionsState, encode_state
from stream.patience import patiently
from stream.sessions.changelog import read_ends, restore
from stream.sessions.table import SessionTable

MARK = (int(time.time()) // 3600 - 6) * 3_600_000  # a full hour: what is older than a day expires
HOUR = 3_600_000
Wait = Callable[..., None]


def test_a_worker_killed_between_start_and_end_finds_the_start_again(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait
) -> None:
    sessions_worker.start()
    tenant.send(session_id="s1", start_time=MARK)
    tenant.send(session_id="s2", end_time=MARK + 2 * HOUR)
    tenant.send(session_id="s3", start_time=MARK, end_time=MARK + 1)
    eventually(lambda: len(published.read().sessions) == 3, within=60)
    sessions_worker.kill()
    tenant.send(session_id="s1", end_time=MARK + 2 * HOUR)
    tenant.send(session_id="s2", start_time=MARK)
    sessions_worker.start()
    both = {MARK: (str(HOUR), 1), MARK + HOUR: (str(HOUR), 0)}
    eventually(lambda: published.read().windows("/s1") == both, within=60)
    eventually(lambda: published.read().windows("/s2") == both)
    assert published.windows("/s3") == {MARK: ("1", 1)}


def test_a_worker_killed_again_and_again_counts_every_session_once(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait
) -> None:
    sessions_worker.start()
    for number in range(60):
        moments = [{"start_time": MARK + number}, {"end_time": MARK + HOUR + number}]
        for moment in reversed(moments) if number % 2 else moments:
            tenant.send(session_id=f"s{number}", **moment)
        if number in (20, 40):
            seen = len(published.sessions)
            eventually(lambda seen=seen: len(published.read().sessions) > seen, within=60)
            sessions_worker.kill()
            sessions_worker.start()
    eventually(lambda: len(published.read().rows) == 119, within=60)  # the first ends at a window's edge
    assert sum(int(row["sum"]) for row in published.rows.values()) == 60 * HOUR
    assert sum(row["event_count"] for row in published.rows.values()) == 60


def test_the_changelog_is_compacted_and_has_the_partitions_of_the_boundaries(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait, kafka_with_topics: str
) -> None:
    sessions_worker.start()
    tenant.send(session_id="s1", start_time=MARK)
    eventually(lambda: published.read().sessions, within=60)
    admin = AdminClient({"log_level": 0, "bootstrap.servers": kafka_with_topics})
    changelog = f"{sessions_worker.group}-sessions-changelog"
    topics = admin.list_topics(timeout=30).topics
    assert len(topics[changelog].partitions) == len(topics[SESSION_BOUNDARIES].partitions)
    assert [name for name in topics if name.startswith(sessions_worker.group)] == [changelog]
    config = admin.describe_configs([ConfigResource(ResourceType.TOPIC, changelog)])
    (described,) = config.values()
    assert described.result()["cleanup.policy"].value == "compact"
    (boundaries,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, SESSION_BOUNDARIES)]).values()
    required = "min.insync.replicas"
    assert described.result()[required].value == boundaries.result()[required].value


def test_without_its_changelog_a_worker_reads_the_boundaries_again(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait, kafka_with_topics: str, fresh: Any
) -> None:
    sessions_worker.start()
    tenant.send(session_id="s1", start_time=MARK)
    tenant.send(session_id="s2", start_time=MARK, end_time=MARK + 1)
    eventually(lambda: published.read().windows("/s2") == {MARK: ("1", 1)}, within=60)
    eventually(lambda: published.read().states("s1") == ["open"])
    key = tenant.boundary(session_id="s1", start_time=MARK).key
    admin = AdminClient({"log_level": 0, "bootstrap.servers": kafka_with_topics})
    changelog = f"{sessions_worker.group}-sessions-changelog"
    partition = last_state(kafka_with_topics, changelog, key.decode(), fresh).partition()
    eventually(lambda: all_committed(kafka_with_topics, sessions_worker.group, partition))
    sessions_worker.kill()
    admin.delete_topics([changelog])[changelog].result()
    eventually(lambda: changelog not in admin.list_topics(timeout=30).topics)
    tenant.send(session_id="s1", end_time=MARK + HOUR)
    sessions_worker.start()
    eventually(lambda: published.read().windows("/s1") == {MARK: (str(HOUR), 1)}, within=60)
    assert published.windows("/s2") == {MARK: ("1", 1)}
    assert "changelog was made anew" in sessions_worker.log.read_text()


def test_a_changelog_is_read_up_to_the_end_its_leader_said_and_not_the_first_one_met(
    kafka_with_topics: str, tenant: Any, create_topic: Callable[..., None], fresh: Callable[[str], str]
) -> None:
    changelog = fresh("changelog")
    create_topic(changelog, partitions=2)
    assert asyncio.run(patiently(read_ends, kafka_with_topics, changelog, [0, 1])) == {0: 0, 1: 0}
    tables = {one: SessionTable(DEFAULT_LIFETIMES) for one in (0, 1)}
    looks = 0

    def is_wanted() -> bool:
        nonlocal looks
        looks += 1
        if looks in (1, 20):  # the second state comes long after the end was met
            state = encode_state(SessionsState(version=looks))
            tenant.producer.produce(changelog, state, str(looks).encode(), partition=0)
            assert tenant.producer.flush(30) == 0
        return looks < 1_000

    assert restore(kafka_with_topics, changelog, tables, {0: 2, 1: 0}, is_wanted)
    assert [tables[0].get(key).version for key in (b"1", b"20")] == [1, 20]
    assert asyncio.run(patiently(read_ends, kafka_with_topics, changelog, [0, 1])) == {0: 2, 1: 0}


def test_a_changelog_of_other_partitions_ends_the_worker_with_what_to_do(
    sessions_worker: Any, create_topic: Callable[..., None]
) -> None:
    create_topic(f"{sessions_worker.group}-sessions-changelog", partitions=1)
    process = sessions_worker.start().process
    assert process.wait(60) != 0
    assert "Choose another METERSTREAM_SESSIONS_CONSUMER_GROUP" in sessions_worker.log.read_text()


def test_a_state_the_broker_refuses_stops_the_worker_and_its_boundary_is_counted_later(
    sessions_worker: Any,
    tenant: Any,
    published: Any,
    eventually: Wait,
    kafka_with_topics: str,
    create_topic: Any,
) -> None:
    admin = AdminClient({"log_level": 0, "bootstrap.servers": kafka_with_topics})
    described = admin.describe_topics(TopicCollection([SESSION_BOUNDARIES]))[SESSION_BOUNDARIES].result()
    changelog = f"{sessions_worker.group}-sessions-changelog"
    create_topic(
        changelog,
        partitions=len(described.partitions),
        config={"cleanup.policy": "compact", "max.message.bytes": "10"},
    )
    tenant.send(session_id="s1", start_time=MARK, end_time=MARK + 1)
    process = sessions_worker.start().process
    assert process.wait(90) != 0
    assert published.read().rows == {}
    removed = ConfigEntry("max.message.bytes", "", incremental_operation=AlterConfigOpType.DELETE)
    resource = ConfigResource(ResourceType.TOPIC, changelog, incremental_configs=[removed])
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result()
    sessions_worker.start()
    eventually(lambda: published.read().windows("/s1") == {MARK: ("1", 1)}, within=60)


def test_a_state_written_late_by_a_worker_that_lost_the_partition_is_passed_over(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait, kafka_with_topics: str, fresh: Any
) -> None:
    sessions_worker.start()
    tenant.send(session_id="s1", start_time=MARK)
    eventually(lambda: published.read().states("s1") == ["open"], within=60)
    late = last_state(kafka_with_topics, f"{sessions_worker.group}-sessions-changelog", tenant.name, fresh)
    tenant.send(session_id="s1", end_time=MARK + 2 * HOUR)
    eventually(lambda: len(published.read().windows("/s1")) == 2)
    eventually(lambda: all_committed(kafka_with_topics, sessions_worker.group, late.partition()))
    sessions_worker.kill()
    tenant.producer.produce(late.topic(), late.value(), late.key(), late.partition())
    tenant.send(session_id="s1", end_time=MARK + HOUR)
    sessions_worker.start()
    corrected = {MARK: (str(HOUR), 1), MARK + HOUR: (None, 0)}
    eventually(lambda: published.read().windows("/s1") == corrected, within=60)


def test_a_worker_told_to_end_is_gone_within_10_seconds(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait
) -> None:
    process = sessions_worker.start().process
    tenant.send(session_id="s1", start_time=MARK)
    eventually(lambda: published.read().states("s1") == ["open"], within=60)
    process.terminate()
    assert process.wait(10) == 0


def test_boundaries_appended_while_no_worker_runs_are_paired_after_each_start(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait
) -> None:
    sessions_worker.start()
    for number in range(4):
        names = [f"s{number}-{key}" for key in range(8)]
        for name in names:
            tenant.send(session_id=name, start_time=MARK)
        eventually(lambda names=names: all(published.read().states(name) for name in names), within=60)
        sessions_worker.kill()
        for name in names:
            tenant.send(session_id=name, end_time=MARK + HOUR)
        sessions_worker.start()
        ended = [{MARK: (str(HOUR), 1)}] * len(names)
        eventually(
            lambda names=names, ended=ended: [published.read().windows(f"/{one}") for one in names] == ended,
            within=60,
        )


def test_what_is_forgotten_is_deleted_from_the_changelog(
    sessions_worker: Any, tenant: Any, published: Any, eventually: Wait, kafka_with_topics: str, fresh: Any
) -> None:
    sessions_worker.settings["METERSTREAM_SESSION_KEPT_SECONDS"] = "1"
    sessions_worker.start()
    tenant.send(session_id="s1", start_time=MARK, end_time=MARK + 1)
    key = tenant.boundary(session_id="s1", start_time=MARK).key
    changelog = f"{sessions_worker.group}-sessions-changelog"

    def is_deleted() -> bool:
        for number in range(16):  # some on its partition: log time goes on with them
            tenant.send(session_id=f"other{number}", start_time=MARK, end_time=MARK + 1)
        return changelog_values(kafka_with_topics, changelog, key, fresh)[-1:] == [None]

    eventually(lambda: published.read().states("s1"), within=60)
    eventually(is_deleted, within=60)
    assert set(published.read().states("s1")) == {"completed"}


def last_state(bootstrap_servers: str, changelog: str, tenant: str, fresh: Any) -> Message:
    consumer = Consumer(
        {
            "log_level": 0,
            "bootstrap.servers": bootstrap_servers,
            "group.id": fresh("reader"),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([changelog])
    while True:
        message = consumer.poll(30)
        assert message is not None, f"no state of {tenant} is on {changelog}"
        if (message.key() or b"").startswith(tenant.encode()):
            consumer.close()
            return message


def all_committed(bootstrap_servers: str, group: str, partition: int | None) -> bool:
    assert partition is not None
    boundaries = TopicPartition(SESSION_BOUNDARIES, partition)
    consumer = Consumer({"log_level": 0, "bootstrap.servers": bootstrap_servers, "group.id": group})
    (committed,) = consumer.committed([boundaries], timeout=30)
    _, end = consumer.get_watermark_offsets(boundaries, timeout=30)
    consumer.close()
    return committed.offset == end


def changelog_values(bootstrap_servers: str, changelog: str, key: bytes, fresh: Any) -> list[bytes | None]:
    """Return the values of a key, in order, to the end of the changelog."""
    consumer = Consumer(
        {
            "log_level": 0,
            "bootstrap.servers": bootstrap_servers,
            "group.id": fresh("reader"),
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(changelog, timeout=30).topics[changelog].partitions
    consumer.assign([TopicPartition(changelog, partition, OFFSET_BEGINNING) for partition in partitions])
    ended: set[int | None] = set()
    values: list[bytes | None] = []
    while len(ended) < len(partitions):
        message = consumer.poll(30)
        assert message is not None
        if message.error() is not None:
            ended.add(message.partition())
        elif message.key() == key:
            values.append(message.value())
    consumer.close()
    return values
