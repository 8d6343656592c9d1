"""The ids by which Kafka tells a topic from another of the same name, made before or after it."""

from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from stream.errors import BrokerAwayError, TopicMissingError

_RPC_SECONDS: Final = 5.0
_FINAL: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)
"""Errors that waiting does not mend."""


def read_topic_id(bootstrap_servers: str, topic: str) -> str:
    """Return Kafka's id of a topic, as its tools print it. Blocking, for seconds.

    Raises:
        TopicMissingError: The topic is not there, or not for us.
        BrokerAwayError: The broker does not answer.
    """
    return topic_id_of(AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}), topic)


def topic_id_of(admin: AdminClient, topic: str) -> str:
    """As `read_topic_id`, by a client that is there."""
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=_RPC_SECONDS)
    try:
        return str(described[topic].result().topic_id)
    except KafkaException as error:
        if error.args[0].code() not in _FINAL:
            raise BrokerAwayError(f"cannot describe {topic}: {error}") from error
        raise TopicMissingError(
            f"cannot describe {topic}: {error}; was `meterstream topics apply` run?"
        ) from error
