from collections.abc import Collection, Mapping
from concurrent.futures import Future
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import TopicDescription

from sinks.cluster import answered_ids
from sinks.errors import KafkaAwayError, TopicRecreatedError
from sinks.topic_ids import TopicIds, TopicWatch

AWAY = KafkaException(KafkaError(KafkaError._TRANSPORT, "away"))
GONE = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "gone"))


class FakeCluster:
    """Brokers whose topics have the ids one gives them; an exception is what they answer instead."""

    def __init__(self, **ids: str | Exception) -> None:
        self.answers = {name.replace("_", "-"): answer for name, answer in ids.items()}
        self.asked: list[Mapping[str, Future[TopicDescription]]] = []

    def ids(self, topics: Collection[str]) -> Mapping[str, str]:
        self.ask_ids(topics)
        self.answer()
        return answered_ids(self.asked[-1])

    def ask_ids(self, topics: Collection[str]) -> "Mapping[str, Future[TopicDescription]]":
        self.asked.append({topic: Future() for topic in topics})
        return self.asked[-1]

    def answer(self) -> None:
        for topic, future in self.asked[-1].items():
            answer = self.answers.get(topic, GONE)
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(cast("TopicDescription", SimpleNamespace(topic_id=answer)))


def stopped() -> Event:
    event = Event()
    event.set()
    return event


def test_a_topic_made_anew_is_an_error_that_names_it() -> None:
    cluster = FakeCluster(usage_events="first")
    ids = TopicIds(cluster, stopped())
    ids.read({"usage-events"})
    assert ids["usage-events"] == "first"
    cluster.answers["usage-events"] = "second"
    with pytest.raises(TopicRecreatedError, match="usage-events was made anew"):
        ids.read({"usage-events"})


def test_a_topic_to_read_must_be_there_and_one_that_was_read_may_be_deleted() -> None:
    ids = TopicIds(FakeCluster(usage_events=GONE), stopped())
    with pytest.raises(KafkaAwayError, match="no topic usage-events"):
        ids.read({"usage-events"})
    ids.confirm({"usage-events"}, stopped())


def test_brokers_that_do_not_answer_confirm_nothing() -> None:
    with pytest.raises(KafkaAwayError):
        TopicIds(FakeCluster(usage_events=AWAY), stopped()).confirm({"usage-events"}, stopped())


def test_the_watch_asks_now_and_then_and_never_waits() -> None:
    cluster = FakeCluster(usage_events="first")
    ids = TopicIds(cluster, stopped())
    watch = TopicWatch(cluster, ids)
    watch.look(100.0)
    assert cluster.asked == []
    ids.compare({"usage-events": "first"})
    for now in (100.0, 101.0, 102.0):
        watch.look(now)
    assert len(cluster.asked) == 1
    cluster.answer()
    watch.look(103.0)
    watch.look(104.0)
    assert len(cluster.asked) == 1
    watch.look(111.0)
    assert len(cluster.asked) == 2
    cluster.answers["usage-events"] = "second"
    cluster.answer()
    with pytest.raises(TopicRecreatedError):
        watch.look(112.0)


def test_a_watch_in_a_hurry_asks_at_once_and_brokers_that_are_away_are_no_answer() -> None:
    cluster = FakeCluster(usage_events=AWAY)
    ids = TopicIds(cluster, stopped())
    ids.compare({"usage-events": "first"})
    watch = TopicWatch(cluster, ids)
    watch.look(100.0)
    cluster.answer()
    watch.look(100.1)
    watch.hurry()
    watch.look(100.2)
    assert len(cluster.asked) == 2
