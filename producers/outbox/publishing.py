"""The handler that publishes jobs as usage events."""

import os
import threading
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaException

from producers.deliveries import Deliveries, Delivery
from producers.destinations import brokers
from producers.errors import DeliveryError, InvalidEventError, PublishError
from producers.event_encoder import Encoded
from producers.outbox.events import JobEncoder
from producers.outbox.jobs import Job, JobData, epoch_milliseconds
from producers.outbox.outcomes import DONE, Outcome
from producers.settings import current_settings
from producers.usage_producer import UsageProducer
from producers.volume_clients import reason_of
from schemas import USAGE_EVENTS

_DELIVERY_SECONDS: Final = 30.0


class UsagePublisher:
    """A JobHandler that returns once a job's event is stored in Kafka; threads may share it.

    It connects when first used. A job whose broker is away is tried again for as long as it takes, always
    with its id as the event's; one that no broker will ever take fails.
    """

    def __init__(
        self,
        kafka_url: str | None = None,
        *,
        topic: str = USAGE_EVENTS,
        delivery_timeout: float | None = None,
    ) -> None:
        """Connect later.

        Args:
            kafka_url: as for UsageProducer; None: METERSTREAM_KAFKA_BOOTSTRAP_SERVERS.
            topic: where the events go.
            delivery_timeout: seconds until a job that is not stored goes back to todo; None: 30, or
                METERSTREAM_DELIVERY_TIMEOUT where that is less.

        Raises:
            ValueError: no brokers are named.
        """
        url = current_settings().kafka_bootstrap_servers if kafka_url is None else kafka_url
        if url is None:
            raise ValueError("no brokers: pass kafka_url or set METERSTREAM_KAFKA_BOOTSTRAP_SERVERS")
        self._kafka_url = brokers(url).bootstrap_servers
        self._topic = topic
        self._timeout = delivery_timeout or min(_DELIVERY_SECONDS, current_settings().delivery_timeout)
        self._encoder = JobEncoder()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._producer: UsageProducer | None = None

    def __call__(self, job_id: str, data: JobData | None) -> None:
        """Publish one job.

        Raises:
            InvalidEventError: it never can be.
            DeliveryError: it was not stored; try again.
        """
        if data is None:
            raise InvalidEventError(f"job {job_id} has no data")
        encoded = self._encoder.encode_data(job_id, data, epoch_milliseconds())
        [delivery] = self._deliver([encoded])
        if delivery.is_refused:
            raise InvalidEventError(delivery.error or "")
        if delivery.error is not None:
            raise DeliveryError([(job_id, delivery.error)], 1)

    def publish(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Publish many at once; says of each what became of it."""
        ready = self._encoder.encode_all(jobs)
        deliveries = self._deliver(ready.encoded)
        for position, delivery, each in zip(ready.positions, deliveries, ready.encoded, strict=True):
            ready.outcomes[position] = _outcome(self._alone(each) if delivery.is_refused else delivery)
        return ready.outcomes

    def cancel(self) -> None:
        """Have every call that waits for the broker give up at once."""
        producer = self._producer
        if producer is not None:
            producer.cancel()

    def close(self) -> None:
        """Disconnect; the next call connects again."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()

    def _alone(self, encoded: Encoded) -> Delivery:
        """Send once more by itself what may only have been refused for the company it was in."""
        return self._deliver([encoded])[0]

    def _deliver(self, encoded: Sequence[Encoded]) -> Deliveries:
        producer = self._connected()
        deliveries = producer.send_encoded(encoded)
        if encoded and all(each.error is not None and not each.is_refused for each in deliveries):
            self._replace(producer)  # after some errors a producer sends nothing more
        return deliveries

    def _connected(self) -> UsageProducer:
        if (
            self._process != os.getpid()
        ):  # a forked child: the producer, and perhaps the lock, are the parent's
            self._process, self._lock, self._producer = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._producer is None:
                try:
                    self._producer = UsageProducer(
                        self._kafka_url, topic=self._topic, delivery_timeout=self._timeout
                    )
                    self._producer.drop_at_exit()  # the jobs are on disk
                except KafkaException as error:  # a property that librdkafka refuses is no job's fault
                    raise PublishError(f"no client can be made: {reason_of(error).str()}") from error
            return self._producer

    def _replace(self, producer: UsageProducer) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None


def _outcome(delivery: Delivery) -> Outcome:
    if delivery.error is None:
        return DONE
    return Outcome("failed" if delivery.is_refused else "postponed", delivery.error)
