"""The ids by which Kafka tells a topic from another of the same name, made before or after it."""

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from stream.errors import TopicMissingError


def read_topic_id(bootstrap_servers: str, topic: str) -> str:
    """Return Kafka's id of a topic, as its tools print it. Blocking.

    Raises:
        TopicMissingError: The topic is not there, or the broker does not answer.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=30)
    try:
        return str(described[topic].result().topic_id)
    except KafkaException as error:
        raise TopicMissingError(
            f"cannot describe {topic}: {error}; is the broker up, and was `meterstream topics apply` run?"
        ) from error
