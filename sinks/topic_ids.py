"""The ids of topics: a topic made anew has another, and its offsets mean other records."""

from collections.abc import Callable, Collection, Mapping
from time import sleep
from typing import Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from sinks.errors import TopicRecreatedError

_DESCRIBE_SECONDS: Final = 10.0
_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.5

Describe = Callable[[Collection[str]], Mapping[str, str]]


def describe_with(bootstrap_servers: str) -> Describe:
    """Give a function that asks the cluster for the ids of topics; it raises KafkaException."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})

    def describe(topics: Collection[str]) -> Mapping[str, str]:
        described = admin.describe_topics(TopicCollection(list(topics)), request_timeout=_DESCRIBE_SECONDS)
        return {topic: str(future.result().topic_id) for topic, future in described.items()}

    return lambda topics: _patiently(describe, topics)


def _patiently(describe: Describe, topics: Collection[str]) -> Mapping[str, str]:
    """Ask again for a while: a broker that has just started does not know every topic at once."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return describe(topics)
        except KafkaException:
            sleep(_PAUSE_SECONDS)
    return describe(topics)


class TopicIds:
    """The ids seen so far; one that changes is an error."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._ids: dict[str, str] = {}

    def __getitem__(self, topic: str) -> str:
        return self._ids[topic]

    def read(self, topics: Collection[str]) -> None:
        """Read the ids of these topics anew; raises TopicRecreatedError."""
        if not topics:
            return
        for topic, now in self._describe(topics).items():
            before = self._ids.setdefault(topic, now)
            if before != now:
                raise TopicRecreatedError(topic, before, now)
