"""The Faust table of open sessions, and its changelog."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Final

import faust
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import SESSION_BOUNDARIES
from stream.core.session_state import is_older
from stream.errors import ChangelogError, TopicMissingError

TABLE: Final = "sessions"
_BROKER_DEFAULT: Final = -1
_RPC_SECONDS: Final = 30


class AcknowledgedTable(faust.Table):
    """A table whose changes can be awaited until the changelog has them."""

    _sent: Any = None

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        self._sent = super().send_changelog(*args, **kwargs)
        return self._sent

    async def put(self, key: bytes, value: bytes) -> None:
        """Set a key; returns when the broker has it, raises Kafka's error when it refuses it."""
        self[key] = value
        await self._sent

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Restore from the changelog, past states that a worker wrote after it had lost the partition."""
        for event in batch:
            value = event.message.value
            if value is None or not is_older(value, self.data.get(event.message.key)):
                super().apply_changelog_batch([event])


def changelog_name(consumer_group: str) -> str:
    """Return the name Faust gives the table's changelog."""
    return f"{consumer_group}-{TABLE}-changelog"


def create_changelog(bootstrap_servers: str, consumer_group: str) -> None:
    """Create the changelog if it is not there, with as many partitions as `session-boundaries`. Blocking.

    A key's state is on the partition of the same number as its boundaries.

    Raises:
        TopicMissingError: `session-boundaries` is not there, or the broker does not answer.
        ChangelogError: The changelog has another number of partitions, or cannot be created.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    partitions = _partitions(admin, SESSION_BOUNDARIES)
    if partitions is None:
        raise TopicMissingError(
            f"{SESSION_BOUNDARIES} is not on {bootstrap_servers}: was `meterstream topics apply` run?"
        )
    name = changelog_name(consumer_group)
    existing = _partitions(admin, name)
    if existing is None:
        _create(admin, name, partitions)
    elif existing != partitions:
        raise ChangelogError(
            f"{SESSION_BOUNDARIES} has {partitions} partitions and {name} {existing}: states are by "
            "partition. Choose another METERSTREAM_SESSIONS_CONSUMER_GROUP: under it they are paired anew "
            "from all boundaries retained."
        )


def _partitions(admin: AdminClient, topic: str) -> int | None:
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_RPC_SECONDS)
    try:
        return len(described[topic].result().partitions)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise TopicMissingError(f"cannot describe {topic}: {error}; is the broker up?") from error


def _create(admin: AdminClient, name: str, partitions: int) -> None:
    topic = NewTopic(name, partitions, _BROKER_DEFAULT, config={"cleanup.policy": "compact"})
    created: Future[None] = admin.create_topics([topic], operation_timeout=_RPC_SECONDS)[name]
    try:
        created.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker is starting, too
            raise ChangelogError(
                f"cannot create {name}: {error}; create it with {partitions} partitions, compacted"
            ) from error
