"""Where `usage-events` ends, asked of the brokers."""

import time
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from cli.errors import AddressError
from deploy.admin import admin_client
from schemas import USAGE_EVENTS

_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1


def end_offsets(bootstrap_servers: str) -> dict[int, int]:
    """The offset that the next record of each partition gets.

    Raises:
        AddressError: no broker answers, or the topic does not exist.
    """
    admin = admin_client(bootstrap_servers)
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return _ends(admin, bootstrap_servers)
        except KafkaException as error:
            # A broker may answer for a moment that it does not lead a partition it was just given.
            if time.monotonic() >= deadline:
                raise AddressError(
                    f"Kafka at {bootstrap_servers} does not say where {USAGE_EVENTS} ends, "
                    f"is it up there? {error.args[0].str()}"
                ) from error
            time.sleep(_POLL_SECONDS)


def _ends(admin: AdminClient, bootstrap_servers: str) -> dict[int, int]:
    topics = admin.list_topics(timeout=_SECONDS).topics
    if USAGE_EVENTS not in topics:
        raise AddressError(
            f"the topic {USAGE_EVENTS} does not exist at {bootstrap_servers}: run `meterstream topics apply`"
        )
    wanted = {
        TopicPartition(USAGE_EVENTS, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
        for partition in topics[USAGE_EVENTS].partitions
    }
    answers = admin.list_offsets(wanted, request_timeout=_SECONDS)
    return {each.partition: answer.result().offset for each, answer in answers.items()}
