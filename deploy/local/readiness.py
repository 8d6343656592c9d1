"""How one sees from outside that a part does its work."""

from http.client import HTTPConnection, HTTPException
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.admin import admin_client
from deploy.local.part import Check
from deploy.local.ports import HOST

_SECONDS: Final = 1.0


def kafka_answers(bootstrap_servers: str, timeout: float = _SECONDS, nodes: int = 1) -> bool:
    """Whether a broker tells within `timeout` seconds of a cluster with so many brokers up."""
    try:
        return len(admin_client(bootstrap_servers).list_topics(timeout=timeout).brokers) >= nodes
    except KafkaException:
        return False


def clickhouse_answers(port: int, timeout: float = _SECONDS) -> bool:
    """Whether a ClickHouse on this machine answers /ping within `timeout` seconds."""
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def joins_group(bootstrap_servers: str, group: str) -> Check:
    """A check that a member which is not in `group` now has joined it and been given partitions.

    A member that was killed stays in its group until its session ends and would pass for the new one; one
    that comes back under the same instance id gets a new member id.
    """
    admin = admin_client(bootstrap_servers)
    before = assigned_members(admin, group)
    return lambda: bool(assigned_members(admin, group) - before)


def assigned_members(admin: AdminClient, group: str) -> frozenset[str]:
    """The ids of the group's members that have partitions; none while the group cannot be described."""
    try:
        description = admin.describe_consumer_groups([group], request_timeout=_SECONDS)[group].result()
    except KafkaException:
        return frozenset()
    return frozenset(
        member.member_id
        for member in description.members
        if member.assignment and member.assignment.topic_partitions
    )
