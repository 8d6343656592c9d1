"""Partitions as they come to this sink: where each is read from, said where something is wrong with it."""

import logging
from collections.abc import Sequence
from threading import Event
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from sinks.batches import TopicPartition as Place
from sinks.cluster import Cluster, patiently
from sinks.commits import Commits
from sinks.counters import Counters
from sinks.starts import Commit, Extent, Start, StartRules, after_truncation
from sinks.topic_ids import TopicIds

_REQUEST_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Assignments:
    """Finds the offsets to read partitions from."""

    def __init__(
        self,
        consumer: Consumer,
        cluster: Cluster,
        topic_ids: TopicIds,
        rules: StartRules,
        commits: Commits,
        counters: Counters,
        stop: Event,
    ) -> None:
        self._consumer = consumer
        self._cluster = cluster
        self._topic_ids = topic_ids
        self._rules = rules
        self._commits = commits
        self._counters = counters
        self._stop = stop

    def located(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Give partitions just assigned the offset to read from.

        Raises:
            TopicRecreatedError: a topic is another than it was.
            KafkaAwayError: the brokers do not answer.
        """
        self._topic_ids.read({partition.topic for partition in partitions})
        found = patiently(lambda: self._consumer.committed(list(partitions), _REQUEST_SECONDS), self._stop)
        commits = {(each.topic, each.partition): _commit(each) for each in found}
        extents = patiently(lambda: self._cluster.extents(commits), self._stop)
        return [self._located(place, commit, extents[place]) for place, commit in commits.items()]

    def relocated(self, place: Place, offset: int) -> TopicPartition:
        """The offset to read from where `offset`, which is next, is not in the log; raises as `located`."""
        topic, _ = place
        self._topic_ids.read({topic})
        extent = patiently(lambda: self._cluster.extents([place]), self._stop)[place]
        commit = Commit(offset, self._topic_ids[topic])
        start = self._rules.start(topic, self._topic_ids[topic], commit, extent)
        self._say(place, commit, start)
        if start.offset < offset:
            self._commit(place, start)
        # Otherwise what was read before the gap may not be stored yet, and no commit may pass it.
        return TopicPartition(*place, start.offset)

    def truncated(self, place: Place) -> TopicPartition:
        """The offset to read from where the log no longer has what was read from it; raises as `located`."""
        topic, _ = place
        self._topic_ids.read({topic})
        extent = patiently(lambda: self._cluster.extents([place]), self._stop)[place]
        start = after_truncation(extent)
        self._say(place, Commit(extent.end), start)
        self._commit(place, start)
        return TopicPartition(*place, start.offset)

    def _located(self, place: Place, commit: Commit | None, extent: Extent) -> TopicPartition:
        topic, _ = place
        start = self._rules.start(topic, self._topic_ids[topic], commit, extent)
        if start.finding:
            self._say(place, commit, start)
            self._commit(place, start)
        return TopicPartition(*place, start.offset)

    def _say(self, place: Place, commit: Commit | None, start: Start) -> None:
        if start.finding:
            offset = "none" if commit is None else commit.offset
            fields = "%s: topic=%s partition=%d position=%s log_start=%d lost=%d"
            log.log(start.level, fields, start.finding, *place, offset, start.offset, start.lost)
        self._counters.lost += start.lost
        self._counters.rereads += commit is not None and start.offset < commit.offset

    def _commit(self, place: Place, start: Start) -> None:
        """Commit what was found at once, so that it is said once and the commit before it is gone."""
        self._commits.send(self._consumer, self._topic_ids, {place: start.offset}, monotonic())


def _commit(found: TopicPartition) -> Commit | None:
    return Commit(found.offset, found.metadata or None) if found.offset >= 0 else None
