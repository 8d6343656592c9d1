"""The ids of topics: a topic made anew has another, and its offsets mean other records.

librdkafka goes on in a topic made anew at the offset it had in the old one, without a word, if it was quick
enough. So the ids are asked for again and again.
"""

import math
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from threading import Event
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import TopicDescription

from sinks.cluster import answered_ids, patiently
from sinks.errors import TopicRecreatedError

_WATCH_SECONDS: Final = 10.0


class Ids(Protocol):
    """Who knows the ids; both leave out topics that are not there and raise KafkaException."""

    def ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Ask, and wait for the answer."""

    def ask_ids(self, topics: Collection[str]) -> "Mapping[str, Future[TopicDescription]]":
        """Ask only."""


class TopicIds:
    """The ids seen so far; one that changes is an error."""

    def __init__(self, cluster: Ids, stop: Event) -> None:
        self._cluster = cluster
        self._stop = stop
        self._ids: dict[str, str] = {}

    def __getitem__(self, topic: str) -> str:
        return self._ids[topic]

    @property
    def topics(self) -> Collection[str]:
        """The topics seen so far."""
        return tuple(self._ids)

    def read(self, topics: Collection[str]) -> None:
        """Read the ids of these topics anew, and know them all.

        Raises:
            TopicRecreatedError: one has another id than before.
            KafkaAwayError: the brokers do not answer, or have no such topic.
        """
        self.compare(patiently(lambda: self._of_all(topics), self._stop))

    def confirm(self, topics: Collection[str], stop: Event) -> None:
        """See that these topics are still the same, but for those deleted, waiting as long as it takes.

        Raises:
            TopicRecreatedError: one is not.
            KafkaAwayError: `stop` was set before the brokers answered.
        """
        self.compare(patiently(lambda: self._cluster.ids(topics), stop, seconds=math.inf))

    def _of_all(self, topics: Collection[str]) -> Mapping[str, str]:
        ids = self._cluster.ids(topics)
        if missing := set(topics) - set(ids):
            raise KafkaException(
                KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no topic {', '.join(sorted(missing))}")
            )
        return ids

    def compare(self, ids: Mapping[str, str]) -> None:
        """Take note of ids; raises TopicRecreatedError."""
        for topic, now in ids.items():
            before = self._ids.setdefault(topic, now)
            if before != now:
                raise TopicRecreatedError(topic, before, now)


class TopicWatch:
    """Reads the ids now and then without waiting for them."""

    def __init__(self, cluster: Ids, topic_ids: TopicIds) -> None:
        self._cluster = cluster
        self._topic_ids = topic_ids
        self._asked: Mapping[str, Future[TopicDescription]] | None = None
        self._due = 0.0

    def hurry(self) -> None:
        """Read them at the next look: something about a topic looks odd."""
        self._due = 0.0

    def look(self, now: float) -> None:
        """Ask, or compare what was answered; raises TopicRecreatedError. `now` is in seconds of any clock."""
        if self._asked is None:
            if now >= self._due and self._topic_ids.topics:
                self._asked = self._cluster.ask_ids(self._topic_ids.topics)
                self._due = now + _WATCH_SECONDS
        elif all(answer.done() for answer in self._asked.values()):
            answers, self._asked = self._asked, None
            self._topic_ids.compare(_without_waiting(lambda: answered_ids(answers)))


def _without_waiting(question: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    try:
        return question()
    except KafkaException:
        # The brokers are away: whoever needs the ids to go on waits for them.
        return {}
