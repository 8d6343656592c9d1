"""When everything published is counted and stored, and what is missing until then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from confluent_kafka import Consumer, KafkaException, TopicPartition
from urllib3.exceptions import HTTPError

from deploy.admin import admin_client
from schemas import SESSION_BOUNDARIES, USAGE_EVENTS
from sinks.tables import SINK_TOPICS
from tests.chaos.cluster import SESSIONS_GROUP, SINK_GROUP, WORKER_GROUP, Cluster
from tests.chaos.counted import connect, open_partitions, read_through

_SECONDS: Final = 5.0

Ends = dict[tuple[str, int], int]


@dataclass
class Lag:
    """Records between what is there and what is counted or stored, and partitions that await a tick."""

    uncounted: int
    unpaired: int
    unstored: int
    unended: int
    ends: Ends = field(repr=False)

    @property
    def is_none(self) -> bool:
        """Whether all is counted and stored, and nothing more will come."""
        return not (self.uncounted or self.unpaired or self.unstored or self.unended)


class Settling:
    """Measures the lag of a cluster; nobody is subscribed."""

    def __init__(self, cluster: Cluster) -> None:
        config = {"bootstrap.servers": cluster.servers, "log_level": 0, "enable.auto.commit": False}
        self._sessions = Consumer(config | {"group.id": SESSIONS_GROUP})
        self._sinks = Consumer(config | {"group.id": SINK_GROUP})
        self._admin = admin_client(cluster.servers)
        self._url = cluster.clickhouse_url

    def is_over(self) -> bool:
        """Whether everything is counted and stored, and nothing came meanwhile."""
        before = self.lag()
        return before is not None and before.is_none and self._ends() == before.ends

    def lag(self) -> Lag | None:
        """The lag now; None while it cannot be told."""
        try:
            ends = self._ends()
            return Lag(
                _behind(ends, self._counted(), USAGE_EVENTS),
                _behind(ends, self._committed(self._sessions, ends), SESSION_BOUNDARIES),
                sum(_behind(ends, self._committed(self._sinks, ends), topic) for topic in SINK_TOPICS),
                self._unended(),
                ends,
            )
        except (KafkaException, ClickHouseError, HTTPError):
            return None

    def unowned(self) -> list[str]:
        """Partitions that no member of their group has: they are not read, however long one waits."""
        topics = {WORKER_GROUP: {USAGE_EVENTS}, SESSIONS_GROUP: {SESSION_BOUNDARIES}, SINK_GROUP: SINK_TOPICS}
        try:
            ends = self._ends()
            return [
                f"{group}: {topic}/{partition}"
                for group, names in topics.items()
                for topic, partition in sorted(ends.keys() - self._owned(group))
                if topic in names
            ]
        except KafkaException as error:
            return [f"unknown, for {error}"]

    def _owned(self, group: str) -> set[tuple[str, int]]:
        description = self._admin.describe_consumer_groups([group])[group].result()
        return {
            (partition.topic, partition.partition)
            for member in description.members
            if member.assignment
            for partition in member.assignment.topic_partitions
        }

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition of a topic."""
        return {partition: end for (name, partition), end in self._ends().items() if name == topic}

    def close(self) -> None:
        """Let go of the connections."""
        self._sessions.close()
        self._sinks.close()

    def _ends(self) -> Ends:
        topics = self._sinks.list_topics(timeout=_SECONDS).topics
        return {
            (name, partition): self._sinks.get_watermark_offsets(
                TopicPartition(name, partition), timeout=_SECONDS
            )[1]
            for name in {*SINK_TOPICS, SESSION_BOUNDARIES}
            for partition in topics[name].partitions
        }

    def _counted(self) -> Ends:
        client = connect(self._url)
        try:
            return {(USAGE_EVENTS, partition): end for partition, end in read_through(client).items()}
        finally:
            client.close()

    def _unended(self) -> int:
        client = connect(self._url)
        try:
            return open_partitions(client)
        finally:
            client.close()

    def _committed(self, consumer: Consumer, ends: Ends) -> Ends:
        partitions = [TopicPartition(topic, partition) for topic, partition in ends]
        return {
            (found.topic, found.partition): max(found.offset, 0)
            for found in consumer.committed(partitions, timeout=_SECONDS)
        }


def _behind(ends: Ends, reached: Mapping[tuple[str, int], int], topic: str) -> int:
    return sum(max(0, end - reached.get(where, 0)) for where, end in ends.items() if where[0] == topic)
