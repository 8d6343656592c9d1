import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from deploy.admin import admin_client
from deploy.local.readiness import assigned_members, clickhouse_answers, joins_group, kafka_answers
from deploy.topics import apply_topics
from schemas.topics import TopicSpec

MEMBER = """
import sys
from confluent_kafka import Consumer

servers, group, topic = sys.argv[1:]
consumer = Consumer({
    "bootstrap.servers": servers, "group.id": group, "group.instance.id": "one", "session.timeout.ms": 60000,
})
consumer.subscribe([topic])
while True:
    consumer.poll(0.1)
"""

Eventually = Callable[..., None]


@dataclass
class Group:
    """A consumer group whose only member, always under the same instance id, comes and goes."""

    servers: str
    name: str
    process: "subprocess.Popen[bytes] | None" = None

    def start_member(self) -> None:
        arguments = [sys.executable, "-c", MEMBER, self.servers, self.name, self.name]
        self.process = subprocess.Popen(arguments)

    def kill_member(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def group(kafka: str, fresh: Callable[[str], str]) -> Iterator[Group]:
    made = Group(kafka, fresh("group"))
    apply_topics(kafka, specs=(TopicSpec(made.name, 2),))
    yield made
    made.kill_member()


def test_a_member_with_partitions_makes_a_group_ready(group: Group, eventually: Eventually) -> None:
    joined = joins_group(group.servers, group.name)
    assert not joined()
    group.start_member()
    eventually(joined)


def test_a_killed_member_that_the_group_still_counts_does_not_pass_for_the_next_one(
    group: Group, eventually: Eventually
) -> None:
    group.start_member()
    eventually(joins_group(group.servers, group.name))
    group.kill_member()
    assert assigned_members(admin_client(group.servers), group.name)
    joined = joins_group(group.servers, group.name)
    assert not joined()
    group.start_member()
    eventually(joined)


def test_where_no_server_listens_nothing_is_ready() -> None:
    assert not kafka_answers("127.0.0.1:1", timeout=0.3)
    assert not clickhouse_answers(1)
    assert not joins_group("127.0.0.1:1", "group")()


def test_a_clickhouse_that_answers_is_ready(clickhouse: str) -> None:
    assert clickhouse_answers(int(clickhouse.rpartition(":")[2].partition("/")[0]))
