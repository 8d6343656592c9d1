"""How clients of Kafka are made here, and one shared producer a broker list for single events."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.errors import PublishError
from producers.forking import abandon
from producers.settings import ProducerSettings, current_settings
from schemas import MAX_EVENT_BYTES

_log = logging.getLogger("producers.kafka")
_POLL_SECONDS: Final = 0.01
_REPORT_MARGIN_SECONDS: Final = 2.0
"""librdkafka looks for messages whose time is up once a second."""
_EXIT_FLUSH_SECONDS: Final = 1.0


def _log_error(error: KafkaError) -> None:
    _log.debug("%s", error.str())


# One line for every attempt to connect is no warning: what a call could not do is told by the call.
_QUIET: Final[dict[str, object]] = {"log_level": 2, "error_cb": _log_error}


def producer_config(
    bootstrap_servers: str, settings: ProducerSettings, own: Mapping[str, object]
) -> dict[str, Any]:
    """The properties every producer of this package has; `own` are the ones a kind of producer adds.

    murmur2_random is where Java's and aiokafka's producers put a key; librdkafka's default is another.
    """
    return {
        **_QUIET,
        "bootstrap.servers": bootstrap_servers,
        "message.max.bytes": MAX_EVENT_BYTES,
        # A topic that is not there fails within seconds instead of half a minute.
        "topic.metadata.propagation.max.ms": 3_000,
        **own,
        **settings.kafka_config,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
    }


def consumer_config(bootstrap_servers: str, settings: ProducerSettings, group_id: str) -> dict[str, Any]:
    """The properties of a consumer that reads a topic to its end and commits nothing."""
    return {
        **_QUIET,
        "bootstrap.servers": bootstrap_servers,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 10,  # the end of the topic is what is waited for
        **settings.kafka_config,
        "group.id": group_id,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "isolation.level": "read_committed",
    }


@dataclass
class SharedProducer:
    """A producer, and what last went wrong between it and its brokers."""

    producer: Producer = field(init=False)
    last_error: str = "no connection error"

    def take(self, error: KafkaError) -> None:
        _log_error(error)
        if error.name() != "_ALL_BROKERS_DOWN":  # says less than the error before it
            self.last_error = error.str()


class SharedProducers:
    """One producer a broker list for the whole process; a forked child makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._producers: dict[tuple[object, ...], SharedProducer] = {}
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._flush)

    def get(self, bootstrap_servers: str, settings: ProducerSettings) -> SharedProducer:
        with self._lock:
            identity = (bootstrap_servers, settings.publish_timeout, *sorted(settings.kafka_config.items()))
            if identity not in self._producers:
                self._producers[identity] = _single_event_producer(bootstrap_servers, settings)
            return self._producers[identity]

    def discard(self, producer: SharedProducer) -> None:
        """Let the next call make a new one: after a fatal error a producer sends nothing more."""
        with self._lock:
            self._producers = {key: kept for key, kept in self._producers.items() if kept is not producer}

    def _forget(self) -> None:
        self._lock = threading.Lock()
        for shared in self._producers.values():
            abandon(shared.producer)
        self._producers = {}

    def _flush(self) -> None:
        for shared in self._producers.values():
            shared.producer.flush(_EXIT_FLUSH_SECONDS)


_shared = SharedProducers()


class Report:
    """What became of one message; `done` once the broker has answered or time is up."""

    def __init__(self) -> None:
        self.done = False
        self.error: KafkaError | None = None
        self.partition = -1
        self.offset = -1

    def take(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.partition, self.offset = message.partition() or 0, message.offset() or 0
        self.error = error
        self.done = True


def publish(bootstrap_servers: str, topic: str, key: bytes, value: bytes) -> Report:
    """Publish one record and wait until the brokers have acknowledged it.

    Raises:
        PublishError: not acknowledged within the publish timeout.
        ValueError: the record is larger than the topic takes.
    """
    settings = current_settings()
    deadline = time.monotonic() + settings.publish_timeout
    try:
        shared = _shared.get(bootstrap_servers, settings)
    except KafkaException as error:  # a property in METERSTREAM_KAFKA_CONFIG that librdkafka refuses
        raise PublishError(f"no client can be made for {bootstrap_servers}: {error.args[0].str()}") from error
    report = Report()
    _enqueue(shared, topic, key, value, report)
    while not report.done and (remaining := deadline - time.monotonic()) > 0:
        shared.producer.poll(min(remaining, _POLL_SECONDS))
    _raise_failure(report, shared, f"{topic} at {bootstrap_servers}", settings)
    return report


def _single_event_producer(bootstrap_servers: str, settings: ProducerSettings) -> SharedProducer:
    # librdkafka gives up first, so that nothing arrives after the caller was told that it did not.
    timeout = max(settings.publish_timeout - _REPORT_MARGIN_SECONDS, settings.publish_timeout / 2)
    shared = SharedProducer()
    own = {"linger.ms": 0, "message.timeout.ms": int(timeout * 1_000), "error_cb": shared.take}
    shared.producer = Producer(producer_config(bootstrap_servers, settings, own))
    return shared


def _enqueue(shared: SharedProducer, topic: str, key: bytes, value: bytes, report: Report) -> None:
    try:
        shared.producer.produce(topic, value, key, on_delivery=report.take)
    except BufferError as error:
        raise PublishError("too many calls wait for the broker already") from error
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise ValueError(
                f"the event has {len(value)} bytes, too many for {topic}: shorten its metadata"
            ) from error
        _discard_if_fatal(shared, reason)
        raise PublishError(f"{topic}: {reason.str()}") from error


def _raise_failure(report: Report, shared: SharedProducer, where: str, settings: ProducerSettings) -> None:
    if report.done and report.error is None:
        return
    if report.error is None:
        raise PublishError(
            f"{where}: no acknowledgement within {settings.publish_timeout:g} s ({shared.last_error})"
        )
    _discard_if_fatal(shared, report.error)
    missing = _is_missing_topic(report.error)
    advice = "create it with `meterstream topics apply`" if missing else shared.last_error
    raise PublishError(f"{where}: {report.error.str()} ({advice})")


def _is_missing_topic(error: KafkaError) -> bool:
    return error.name() in ("_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART")


def _discard_if_fatal(shared: SharedProducer, error: KafkaError) -> None:
    if error.fatal() or error.name() == "_FATAL":
        _shared.discard(shared)
