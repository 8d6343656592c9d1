"""Creates Meterstream's topics and corrects those that differ from what they must be."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from deploy.admin import admin_client
from deploy.errors import TopicError
from deploy.replication import MIN_IN_SYNC, min_in_sync
from schemas.topics import TOPICS, TopicSpec

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class TopicChange:
    """One thing that was done to one topic; its text is for people."""

    topic: str
    change: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.change}"


def apply_topics(
    bootstrap_servers: str,
    *,
    specs: tuple[TopicSpec, ...] = TOPICS,
    partitions: int = 4,
    replication: int = 1,
    timeout: float = 30.0,
) -> list[TopicChange]:
    """Create the topics that are missing and correct those that differ; returns what was done.

    Partitions are added where there are fewer than asked, unless the topic keeps what it was created with,
    and never taken away. `replication` is of new topics only; of whichever has three copies or more, two must
    be written before a record is acknowledged.
    `timeout` is in seconds and covers the whole of it. Returns once every topic is in the metadata with all
    its leaders, so a consumer that subscribes next finds them. A second call changes nothing.

    Raises:
        TopicError: the brokers cannot be reached or refuse, or a topic of a fixed number of partitions has
            more.
    """
    deadline = time.monotonic() + timeout
    admin = admin_client(bootstrap_servers)
    wanted = [(spec, spec.partitions or partitions) for spec in specs]
    try:
        changes = _create_missing(admin, wanted, replication, deadline)
        _await_leaders(admin, {spec.name: 1 for spec in specs}, deadline)
        changes += once_known(lambda: _add_partitions(admin, wanted, deadline), deadline)
        changes += once_known(lambda: _correct_configs(admin, specs, deadline), deadline)
        grown = {spec.name: 1 if spec.keeps_partitions else count for spec, count in wanted}
        _await_leaders(admin, grown, deadline)
    except KafkaException as error:
        reason = error.args[0]
        text = reason.str() if isinstance(reason, KafkaError) else str(reason)
        raise TopicError(f"topics on {bootstrap_servers} could not be applied: {text}") from error
    return changes


def once_known(step: Callable[[], list[TopicChange]], deadline: float) -> list[TopicChange]:
    """The result of a step, repeated while the broker that is asked does not know of a new topic yet.

    In a cluster one broker may know of a topic a moment before another. The deadline is monotonic.
    """
    while True:
        try:
            return step()
        except KafkaException as error:
            is_unknown = error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            if not is_unknown or time.monotonic() >= deadline:
                raise
        time.sleep(_POLL_SECONDS)


def missing_partitions(spec: TopicSpec, wanted: int, existing: int) -> int:
    """How many partitions to add.

    Raises:
        TopicError: the topic must have a fixed number and has more.
    """
    if spec.partitions is not None and existing > spec.partitions:
        raise TopicError(
            f"{spec.name} has {existing} partitions and must have exactly {spec.partitions}: its order is "
            f"that of one log, and Kafka cannot take partitions away. Save its records, delete the topic, "
            f"run `meterstream topics apply` again and publish them anew."
        )
    if spec.keeps_partitions:
        return 0
    return max(0, wanted - existing)


def wanted_config(spec: TopicSpec, replicas: int) -> dict[str, str]:
    """The settings of a topic with so many copies of each partition.

    A topic of one or two copies is left as it is: to want two of them written would stop all writing while
    one broker is away.
    """
    required = min_in_sync(replicas)
    return spec.config | ({MIN_IN_SYNC: str(required)} if required > 1 else {})


def differing_configs(wanted: dict[str, str], current: dict[str, str | None]) -> dict[str, str]:
    """The settings wanted that the topic does not have yet."""
    return {name: value for name, value in wanted.items() if current.get(name) != value}


def _create_missing(
    admin: AdminClient, wanted: list[tuple[TopicSpec, int]], replication: int, deadline: float
) -> list[TopicChange]:
    existing = _topics(admin, deadline)
    new = [
        NewTopic(
            spec.name,
            num_partitions=count,
            replication_factor=replication,
            config=wanted_config(spec, replication),
        )
        for spec, count in wanted
        if spec.name not in existing
    ]
    if not new:
        return []
    created = admin.create_topics(new, operation_timeout=_left(deadline), request_timeout=_left(deadline))
    return [
        TopicChange(
            topic.topic, f"created, {topic.num_partitions} partition{'s'[: topic.num_partitions > 1]}"
        )
        for topic in new
        if _was_created(created[topic.topic])
    ]


def _was_created(creation: "Future[None]") -> bool:
    try:
        creation.result()
    except KafkaException as error:
        # Somebody else applies the topics at the same moment: theirs is corrected below like any other.
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True


def _add_partitions(
    admin: AdminClient, wanted: list[tuple[TopicSpec, int]], deadline: float
) -> list[TopicChange]:
    existing = _topics(admin, deadline)
    _say_kept(wanted, existing)
    short = [
        (spec, count)
        for spec, count in wanted
        if missing_partitions(spec, count, len(existing[spec.name].partitions))
    ]
    if not short:
        return []
    grown = admin.create_partitions(
        [NewPartitions(spec.name, count) for spec, count in short], request_timeout=_left(deadline)
    )
    _settle(grown.values())
    return [
        TopicChange(spec.name, f"partitions {len(existing[spec.name].partitions)} -> {count}")
        for spec, count in short
    ]


def _say_kept(wanted: list[tuple[TopicSpec, int]], existing: dict[str, TopicMetadata]) -> None:
    for spec, count in wanted:
        kept = len(existing[spec.name].partitions)
        if spec.keeps_partitions and kept < count:
            logger.warning(
                "%s keeps its %d partitions: with %d, earlier and later records of a key would lie on two",
                spec.name,
                kept,
                count,
            )


def _correct_configs(admin: AdminClient, specs: tuple[TopicSpec, ...], deadline: float) -> list[TopicChange]:
    current = _configs(admin, [spec.name for spec in specs], deadline)
    existing = _topics(admin, deadline)
    differing = {
        spec.name: differing_configs(wanted_config(spec, _replicas(existing[spec.name])), current[spec.name])
        for spec in specs
    }
    resources = [
        ConfigResource(
            ResourceType.TOPIC, name, incremental_configs=[_set(*item) for item in configs.items()]
        )
        for name, configs in differing.items()
        if configs
    ]
    if not resources:
        return []
    _settle(admin.incremental_alter_configs(resources, request_timeout=_left(deadline)).values())
    return [
        TopicChange(topic, f"{name} {current[topic].get(name)} -> {value}")
        for topic, configs in differing.items()
        for name, value in configs.items()
    ]


def _replicas(topic: TopicMetadata) -> int:
    return min(len(partition.replicas) for partition in topic.partitions.values())


def _configs(admin: AdminClient, names: list[str], deadline: float) -> dict[str, dict[str, str | None]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=_left(deadline))
    return {
        resource.name: {name: entry.value for name, entry in answer.result().items()}
        for resource, answer in answers.items()
    }


def _set(name: str, value: str) -> ConfigEntry:
    return ConfigEntry(
        name,
        value,
        source=ConfigSource.DYNAMIC_TOPIC_CONFIG,
        incremental_operation=AlterConfigOpType.SET,
    )


def _settle(futures: "Iterable[Future[None]]") -> None:
    for future in futures:
        future.result()


def _await_leaders(admin: AdminClient, counts: dict[str, int], deadline: float) -> None:
    while pending := _without_leaders(_topics(admin, deadline), counts):
        if time.monotonic() >= deadline:
            raise TopicError(
                f"these topics have no leader for every partition yet: {', '.join(pending)}. "
                f"Look at the brokers' logs, then apply the topics again."
            )
        time.sleep(_POLL_SECONDS)


def _without_leaders(topics: dict[str, TopicMetadata], counts: dict[str, int]) -> list[str]:
    return [name for name, count in counts.items() if not _has_leaders(topics.get(name), count)]


def _has_leaders(topic: TopicMetadata | None, count: int) -> bool:
    if topic is None or topic.error is not None or len(topic.partitions) < count:
        return False
    return all(partition.leader >= 0 for partition in topic.partitions.values())


def _topics(admin: AdminClient, deadline: float) -> dict[str, TopicMetadata]:
    # All topics and never one by name: a request that names a topic creates it where auto-creation is on.
    return admin.list_topics(timeout=_left(deadline)).topics


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())
