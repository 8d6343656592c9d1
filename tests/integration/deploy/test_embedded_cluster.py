"""Three brokers on this machine: everything is there three times, and two of them are enough."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType

from deploy.admin import admin_client
from deploy.local.embedded import embedded_cluster
from deploy.topics import apply_topics
from schemas.topics import TOPICS


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_cluster(tmp_path_factory.mktemp("cluster")) as bootstrap_servers:
        apply_topics(bootstrap_servers, replication=3)
        yield bootstrap_servers


def setting(cluster: str, topic: str, name: str) -> str | None:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = admin_client(cluster)  # it must stay until the answer is in
    value = admin.describe_configs([resource])[resource].result()[name].value
    return None if value is None else str(value)


def test_every_topic_has_three_copies_and_writes_two(cluster: str) -> None:
    topics = admin_client(cluster).list_topics(timeout=10).topics
    for spec in TOPICS:
        assert {len(partition.replicas) for partition in topics[spec.name].partitions.values()} == {3}
        assert setting(cluster, spec.name, "min.insync.replicas") == "2"


def test_topics_applied_again_with_another_replication_stay_as_they_are(cluster: str) -> None:
    assert apply_topics(cluster, replication=1) == []


def test_what_brokers_keep_for_themselves_has_three_copies_and_writes_two(cluster: str) -> None:
    consumer = Consumer({"log_level": 0, "bootstrap.servers": cluster, "group.id": "cluster-test"})
    consumer.commit(offsets=[TopicPartition(TOPICS[0].name, 0, 0)], asynchronous=False)
    consumer.close()
    producer = Producer({"log_level": 0, "bootstrap.servers": cluster, "transactional.id": "cluster-test"})
    producer.init_transactions(30)
    topics = admin_client(cluster).list_topics(timeout=10).topics
    for name in ("__consumer_offsets", "__transaction_state"):
        assert {len(partition.replicas) for partition in topics[name].partitions.values()} == {3}
        assert setting(cluster, name, "min.insync.replicas") == "2"
