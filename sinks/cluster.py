"""What the sink asks the brokers beside reading: the ids of topics, and which offsets their logs have."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from threading import Event
from time import monotonic
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription

from sinks.batches import TopicPartition as Place
from sinks.errors import KafkaAwayError
from sinks.starts import Extent

_REQUEST_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.5
_WORD_SECONDS: Final = 30.0

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


def patiently(question: Callable[[], Answer], stop: Event, seconds: float = _PATIENCE_SECONDS) -> Answer:
    """Ask again for a while: a broker that has just started does not know every topic at once.

    Raises:
        KafkaAwayError: no answer within so long, or `stop` was set first.
    """
    deadline = monotonic() + seconds
    next_word = 0.0
    while True:
        try:
            return question()
        except KafkaException as error:
            now = monotonic()
            if stop.wait(_PAUSE_SECONDS) or now > deadline:
                raise KafkaAwayError(f"the brokers do not answer: {error}") from error
            if now >= next_word:
                next_word = now + _WORD_SECONDS
                log.warning("waiting for the brokers: error=%s", error)


class Cluster:
    """The brokers, by an admin client of its own; every question raises KafkaException."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers}
        self._admin = AdminClient(self._config, logger=log)

    def ask_ids(self, topics: Collection[str]) -> "Mapping[str, Future[TopicDescription]]":
        """Ask for the ids of topics, without waiting for the answers."""
        return self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=_REQUEST_SECONDS)

    def ids(self, topics: Collection[str]) -> dict[str, str]:
        """The ids of those topics that are there."""
        return answered_ids(self.ask_ids(topics)) if topics else {}

    def extents(self, places: Iterable[Place]) -> dict[Place, Extent]:
        """The offsets the logs of partitions have."""
        partitions = [TopicPartition(*place) for place in places]
        starts = self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Extent(start, ends[place]) for place, start in starts.items()}

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[Place, int]:
        if not partitions:
            return {}
        # A client that was there before a leader changed may ask under the old epoch, again and again.
        admin = AdminClient(self._config, logger=log)
        answers = admin.list_offsets(dict.fromkeys(partitions, spec), request_timeout=_REQUEST_SECONDS)
        return {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}


def answered_ids(answers: "Mapping[str, Future[TopicDescription]]") -> dict[str, str]:
    """The ids that were answered, without topics that are not there; raises KafkaException."""
    ids: dict[str, str] = {}
    for topic, answer in answers.items():
        try:
            ids[topic] = str(answer.result().topic_id)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return ids
