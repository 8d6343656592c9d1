"""Commits, sent without waiting and sent again until the brokers have them."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final, Literal, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from sinks.batches import TopicPartition as Place

_AGAIN_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Committing(Protocol):
    """Who sends commits; whoever made it has `Commits.answered` called with the answers."""

    def commit(self, *, offsets: list[TopicPartition], asynchronous: Literal[True]) -> object:
        """Send; raises KafkaException."""


class Ids(Protocol):
    """The ids of topics, which go with the commits."""

    def __getitem__(self, topic: str) -> str: ...


class Commits:
    """Offsets that are stored and that the brokers have not yet taken note of.

    Nothing waits for them: brokers that are away must not keep a sink from its group, nor from stopping. One
    that is refused and never sent again would, after a silence as long as retention, look like a loss.
    """

    def __init__(self) -> None:
        self._owed: dict[Place, int] = {}
        self._again = 0.0

    def send(self, consumer: Committing, topic_ids: Ids, offsets: Mapping[Place, int], now: float) -> None:
        """Commit offsets, with the ids of their topics; `now` is in seconds of any clock."""
        self._owed |= offsets
        self._again = now + _AGAIN_SECONDS
        if not offsets:
            return
        try:
            consumer.commit(
                offsets=[commit_of(place, offset, topic_ids) for place, offset in offsets.items()],
                asynchronous=True,
            )
        except KafkaException as error:
            log.warning("commit refused: %s", error)

    def send_again(self, consumer: Committing, topic_ids: Ids, now: float) -> None:
        """Commit what is still owed, where the last try is some seconds old."""
        if self._owed and now >= self._again:
            self.send(consumer, topic_ids, dict(self._owed), now)

    def answered(self, error: KafkaError | None, partitions: Iterable[TopicPartition]) -> None:
        """Take note of the brokers' answer."""
        for each in partitions:
            if each.error is not None or error is not None:
                refusal = each.error or error
                log.warning(
                    "commit refused: topic=%s partition=%d error=%s", each.topic, each.partition, refusal
                )
            elif self._owed.get((each.topic, each.partition)) == each.offset:
                del self._owed[each.topic, each.partition]

    def forget(self, places: Iterable[Place]) -> None:
        """Never commit for these again: another sink has them."""
        for place in places:
            self._owed.pop(place, None)


def commit_of(place: Place, offset: int, topic_ids: Ids) -> TopicPartition:
    """A commit as it is sent: with the id of the topic it speaks of."""
    topic, partition = place
    return TopicPartition(topic, partition, offset, topic_ids[topic])
