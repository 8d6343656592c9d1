import time
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from deploy.errors import TopicError
from deploy.topics import TopicChange, differing_configs, missing_partitions, once_known, wanted_config
from schemas.topics import SESSION_BOUNDARIES, TOPICS, TopicSpec

FREE = TopicSpec("free", config={"retention.ms": "5", "cleanup.policy": "compact"})
FIXED = TopicSpec("meter-definitions", partitions=1)


def test_partitions_are_added_where_there_are_fewer_than_asked() -> None:
    assert missing_partitions(FREE, wanted=4, existing=1) == 3


def test_partitions_are_never_taken_away() -> None:
    assert missing_partitions(FREE, wanted=4, existing=9) == 0


def test_a_topic_that_keeps_its_partitions_gets_none_added() -> None:
    assert missing_partitions(TopicSpec("kept", keeps_partitions=True), wanted=4, existing=1) == 0


def test_boundaries_of_sessions_keep_their_partitions() -> None:
    assert [spec.name for spec in TOPICS if spec.keeps_partitions] == [SESSION_BOUNDARIES]


def test_more_than_the_fixed_number_of_partitions_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TopicError, match=r"meter-definitions has 3 partitions.*exactly 1.*delete the topic"):
        missing_partitions(FIXED, wanted=1, existing=3)


def test_the_fixed_number_of_partitions_is_fine() -> None:
    assert missing_partitions(FIXED, wanted=1, existing=1) == 0


def test_only_settings_that_differ_are_corrected() -> None:
    assert differing_configs(
        FREE.config, {"retention.ms": "5", "cleanup.policy": "delete", "other": "1"}
    ) == {"cleanup.policy": "compact"}


def test_a_setting_the_broker_does_not_tell_is_corrected() -> None:
    assert differing_configs(FREE.config, {"retention.ms": None}) == FREE.config


def test_of_three_copies_two_must_be_written() -> None:
    assert wanted_config(FREE, replicas=3) == FREE.config | {"min.insync.replicas": "2"}


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_topic_of_few_copies_takes_records_while_a_broker_is_away(replicas: int) -> None:
    assert wanted_config(FREE, replicas) == FREE.config


def failing(code: int, times: int) -> Callable[[], list[TopicChange]]:
    """A step that Kafka refuses so many times."""
    answers = [KafkaException(KafkaError(code))] * times

    def step() -> list[TopicChange]:
        if answers:
            raise answers.pop()
        return [TopicChange("free", "changed")]

    return step


def test_a_broker_that_does_not_know_a_new_topic_yet_is_asked_again() -> None:
    step = failing(KafkaError.UNKNOWN_TOPIC_OR_PART, times=2)
    assert once_known(step, time.monotonic() + 30) == [TopicChange("free", "changed")]


def test_a_topic_that_stays_unknown_is_an_error() -> None:
    with pytest.raises(KafkaException):
        once_known(failing(KafkaError.UNKNOWN_TOPIC_OR_PART, times=2), time.monotonic())


def test_another_refusal_is_not_asked_again() -> None:
    with pytest.raises(KafkaException):
        once_known(failing(KafkaError.TOPIC_AUTHORIZATION_FAILED, times=1), time.monotonic() + 30)
