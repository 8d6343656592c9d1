from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType

from deploy.admin import admin_client
from deploy.errors import TopicError
from deploy.topics import apply_topics
from schemas.topics import METER_DEFINITIONS, SESSION_BOUNDARIES, TOPICS, USAGE_EVENTS, TopicSpec

Specs = tuple[TopicSpec, ...]


@pytest.fixture
def specs(kafka: str, fresh: Callable[[str], str]) -> Iterator[Specs]:
    """Meterstream's topics under names of the test's own."""
    renamed = tuple(replace(spec, name=fresh(spec.name)) for spec in TOPICS)
    yield renamed
    # The client must stay until the answers are in: they go with it.
    admin = admin_client(kafka)
    for deleted in admin.delete_topics([spec.name for spec in renamed]).values():
        deleted.exception()


def of(specs: Specs, name: str) -> TopicSpec:
    return next(spec for spec in specs if spec.name.startswith(f"{name}-"))


def partitions(kafka: str, topic: str) -> int:
    return len(admin_client(kafka).list_topics(timeout=10).topics[topic].partitions)


def config(kafka: str, topic: str) -> dict[str, str]:
    admin = admin_client(kafka)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result()
    return {name: entry.value for name, entry in entries.items()}


def test_missing_topics_are_created_as_they_must_be(kafka: str, specs: Specs) -> None:
    changes = apply_topics(kafka, specs=specs, partitions=3)
    assert [change.topic for change in changes] == [spec.name for spec in specs]
    assert partitions(kafka, of(specs, USAGE_EVENTS).name) == 3
    assert partitions(kafka, of(specs, METER_DEFINITIONS).name) == 1
    for spec in specs:
        assert spec.config.items() <= config(kafka, spec.name).items()


def test_a_second_call_changes_nothing(kafka: str, specs: Specs) -> None:
    apply_topics(kafka, specs=specs)
    assert apply_topics(kafka, specs=specs) == []


def test_settings_that_differ_are_corrected_and_others_left_alone(kafka: str, specs: Specs) -> None:
    spec = of(specs, USAGE_EVENTS)
    theirs = {"retention.ms": "1234", "segment.ms": "5678"}
    admin = admin_client(kafka)
    admin.create_topics([NewTopic(spec.name, 4, 1, config=theirs)])[spec.name].result()
    changes = [str(change) for change in apply_topics(kafka, specs=(spec,))]
    assert f"{spec.name}: retention.ms 1234 -> {spec.config['retention.ms']}" in changes
    assert config(kafka, spec.name)["retention.ms"] == spec.config["retention.ms"]
    assert config(kafka, spec.name)["segment.ms"] == "5678"


def test_partitions_are_added_and_never_taken_away(kafka: str, specs: Specs) -> None:
    topic = of(specs, USAGE_EVENTS).name
    apply_topics(kafka, specs=specs, partitions=2)
    assert f"{topic}: partitions 2 -> 5" in map(str, apply_topics(kafka, specs=specs, partitions=5))
    assert apply_topics(kafka, specs=specs, partitions=1) == []
    assert partitions(kafka, topic) == 5


def test_boundaries_of_sessions_keep_their_partitions_and_that_is_said(
    kafka: str, specs: Specs, caplog: pytest.LogCaptureFixture
) -> None:
    topic = of(specs, SESSION_BOUNDARIES).name
    apply_topics(kafka, specs=specs, partitions=2)
    changes = apply_topics(kafka, specs=specs, partitions=5)
    assert topic not in {change.topic for change in changes}
    assert partitions(kafka, topic) == 2
    assert f"{topic} keeps its 2 partitions" in caplog.text


def test_definitions_on_several_partitions_are_refused_and_left_as_they_are(kafka: str, specs: Specs) -> None:
    spec = of(specs, METER_DEFINITIONS)
    admin = admin_client(kafka)
    admin.create_topics([NewTopic(spec.name, 2, 1)])[spec.name].result()
    with pytest.raises(TopicError, match="has 2 partitions and must have exactly 1"):
        apply_topics(kafka, specs=specs)
    assert partitions(kafka, spec.name) == 2


def test_every_partition_has_a_leader_once_topics_are_applied(kafka: str, specs: Specs) -> None:
    apply_topics(kafka, specs=specs)
    topics = admin_client(kafka).list_topics(timeout=10).topics
    leaders = [partition.leader for spec in specs for partition in topics[spec.name].partitions.values()]
    assert all(leader >= 0 for leader in leaders)


def test_brokers_that_cannot_be_reached_are_an_error_that_names_them() -> None:
    with pytest.raises(TopicError, match=r"127\.0\.0\.1:1 could not be applied"):
        apply_topics("127.0.0.1:1", timeout=0.5)
