from confluent_kafka import KafkaError, TopicPartition

from sinks.commits import Commits

LOADING = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
IDS = {"usage-events": "id"}
PLACE = ("usage-events", 0)


class FakeConsumer:
    """Remembers what was committed."""

    def __init__(self) -> None:
        self.sent: list[TopicPartition] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> object:
        assert asynchronous
        self.sent += offsets
        return None


def offsets(consumer: FakeConsumer) -> list[int]:
    return [each.offset for each in consumer.sent]


def test_a_commit_carries_the_id_of_its_topic() -> None:
    consumer = FakeConsumer()
    Commits().send(consumer, IDS, {PLACE: 5}, 0.0)
    (sent,) = consumer.sent
    assert (sent.topic, sent.partition, sent.offset, sent.metadata) == (*PLACE, 5, "id")


def test_a_commit_that_was_refused_or_never_answered_is_sent_again_after_a_while() -> None:
    consumer, commits = FakeConsumer(), Commits()
    commits.send(consumer, IDS, {PLACE: 5}, 0.0)
    commits.answered(LOADING, consumer.sent)
    commits.send_again(consumer, IDS, 1.0)
    assert offsets(consumer) == [5]
    commits.send_again(consumer, IDS, 5.0)
    commits.send_again(consumer, IDS, 10.0)
    assert offsets(consumer) == [5, 5, 5]


def test_a_commit_that_was_taken_is_not_sent_again_but_the_one_after_it_is() -> None:
    consumer, commits = FakeConsumer(), Commits()
    commits.send(consumer, IDS, {PLACE: 5}, 0.0)
    commits.send(consumer, IDS, {PLACE: 7}, 0.1)
    commits.answered(None, [TopicPartition(*PLACE, 5)])
    commits.send_again(consumer, IDS, 9.0)
    assert offsets(consumer) == [5, 7, 7]
    commits.answered(None, [TopicPartition(*PLACE, 7)])
    commits.send_again(consumer, IDS, 99.0)
    assert offsets(consumer) == [5, 7, 7]


def test_what_another_sink_has_is_never_committed_again() -> None:
    consumer, commits = FakeConsumer(), Commits()
    commits.send(consumer, IDS, {PLACE: 5}, 0.0)
    commits.forget([PLACE])
    commits.send_again(consumer, IDS, 99.0)
    assert offsets(consumer) == [5]
