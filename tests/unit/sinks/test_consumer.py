"""What a poll brought: records, partitions that cannot be read on, and errors that end the sink."""

from dataclasses import dataclass

import pytest
from confluent_kafka import KafkaError

from sinks.consumer import poll_of
from sinks.errors import KafkaAwayError
from sinks.topic_ids import TopicIds


@dataclass
class Failed:
    """A message that is an error, as far as a poll looks at it."""

    reason: KafkaError

    def error(self) -> KafkaError:
        return self.reason


def polled(topic_ids: TopicIds, error: KafkaError) -> bool:
    return poll_of([Failed(error)], topic_ids).is_odd  # type: ignore[list-item] # all it takes of it


@pytest.fixture
def topic_ids() -> TopicIds:
    return None  # type: ignore[return-value] # errors name no topic


@pytest.mark.parametrize(
    "error",
    [
        # As it is told once the consumer was fenced: the code is the only thing that says it is fatal.
        KafkaError(KafkaError._FATAL, "Static consumer fenced by other consumer"),
        KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True),
    ],
)
def test_a_consumer_that_can_never_read_again_ends_the_sink(topic_ids: TopicIds, error: KafkaError) -> None:
    with pytest.raises(KafkaAwayError, match="cannot go on"):
        polled(topic_ids, error)


def test_an_error_that_passes_does_not_end_it(topic_ids: TopicIds) -> None:
    assert not polled(topic_ids, KafkaError(KafkaError._TRANSPORT, "away"))
