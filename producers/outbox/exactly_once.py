"""Publishing batches so that Kafka itself knows which of them it has.

A batch's events and its number are written in one transaction: the events to their topic, the number as the
offset that a consumer group of no consumers has committed. Whoever comes after a crash takes over the
transactional id, which ends what was under way, and reads the number of the last batch that was stored. So
nothing that was stored is ever sent again, however long the process was away, for as long as the brokers keep
that offset: 7 days after the last batch, by default.
"""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from producers.deliveries import Deliveries, Failures
from producers.destinations import brokers
from producers.errors import BrokerUnavailableError, ProducerError, PublishError, TransactionError
from producers.event_encoder import Encoded
from producers.kafka_client import consumer_config
from producers.outbox.outcomes import DONE, Outcome
from producers.settings import current_settings
from producers.transactions import Transactions
from producers.volume_clients import Limits, VolumeClients, enqueue_when_possible, reason_of
from schemas import USAGE_EVENTS

_WAIT_SECONDS: Final = 0.005
_QUEUE_SIZE: Final = 100_000
_DELIVERY_SECONDS: Final = 30.0


class BatchPublisher:
    """Publishes numbered batches, each at most once; for one thread."""

    def __init__(
        self,
        kafka_url: str | None,
        transactional_id: str,
        *,
        topic: str = USAGE_EVENTS,
        delivery_timeout: float = _DELIVERY_SECONDS,
    ) -> None:
        """Connect later; raises ValueError where no brokers are named."""
        url = current_settings().kafka_bootstrap_servers if kafka_url is None else kafka_url
        if url is None:
            raise ValueError("no brokers: pass kafka_url or set METERSTREAM_KAFKA_BOOTSTRAP_SERVERS")
        self.transactional_id = transactional_id
        self._servers = brokers(url).bootstrap_servers
        self._limits = Limits(_QUEUE_SIZE, delivery_timeout)
        self._number_at = TopicPartition(topic, 0)
        self._connection: _Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Whether `publish` can be called."""
        return self._connection is not None

    def connect(self) -> int:
        """Take over from whoever had the id before; gives back the number of the last batch that was stored.

        Raises:
            ProducerError: that cannot be said now; call again.
        """
        try:
            connection = _Connection(self._servers, self.transactional_id, self._limits)
            connection.transactions.register()
            number = connection.committed(self._number_at)
        except KafkaException as error:
            raise BrokerUnavailableError(f"{self._servers}: {reason_of(error).str()}") from error
        self._connection = connection
        return number

    def publish(self, number: int, encoded: Sequence[Encoded]) -> Outcome:
        """Publish a batch: all of it, or nothing. All its jobs have the outcome that is given back.

        Where it is not known to be stored they are in doubt, and the connection is closed: `connect` says
        what became of them. A job that no broker takes has failed, if it was alone in its batch.
        """
        if self._connection is None:
            return Outcome("in doubt", "not connected")
        deliveries = Deliveries([event_id for event_id, _, _ in encoded])
        try:
            self._connection.store(self._number_at, number, encoded, deliveries)
        except (ProducerError, KafkaException) as error:
            self.close()
            if len(encoded) == 1 and deliveries[0].is_refused:
                return Outcome("failed", deliveries[0].error or "")
            return Outcome("in doubt", str(error))
        return DONE

    def cancel(self) -> None:
        """Have a call that waits for the broker give up at once."""
        connection = self._connection
        if connection is not None:
            connection.client.purge()

    def close(self) -> None:
        """Disconnect."""
        self._connection = None


class _Connection:
    """A transactional producer, and the consumer group in whose name it commits numbers."""

    def __init__(self, servers: str, transactional_id: str, limits: Limits) -> None:
        settings = current_settings()
        clients = VolumeClients(servers, settings, Failures(), limits, transactional_id)
        self.client: Producer = clients.volume
        self.transactions = Transactions(self.client, limits.delivery_timeout)
        self._timeout = limits.delivery_timeout
        self._group = Consumer(consumer_config(servers, settings, f"meterstream-outbox-{transactional_id}"))

    def committed(self, number_at: TopicPartition) -> int:
        [found] = self._group.committed([number_at], timeout=self._timeout)
        if found.error is not None:
            raise PublishError(f"the number of the last batch cannot be read: {found.error.str()}")
        return max(found.offset, 0)

    def store(
        self,
        number_at: TopicPartition,
        number: int,
        encoded: Sequence[Encoded],
        deliveries: Deliveries,
    ) -> None:
        topic = number_at.topic
        with self.transactions.transaction():
            for index, (_, key, value) in enumerate(encoded):
                self._produce(topic, key, value, index, deliveries)
            while not deliveries.are_complete:
                self.client.poll(_WAIT_SECONDS)
            if failed := deliveries.failed:
                raise TransactionError(f"{failed[0].event_id}: {failed[0].error}")
            metadata = self._group.consumer_group_metadata()
            stored = TopicPartition(topic, number_at.partition, number)
            self.client.send_offsets_to_transaction([stored], metadata, self._timeout)

    def _produce(self, topic: str, key: bytes, value: bytes, index: int, deliveries: Deliveries) -> None:
        def report(error: object, message: object) -> None:
            deliveries.take(index, error, message)  # type: ignore[arg-type] # as librdkafka gives them

        try:
            enqueue_when_possible(self.client, topic, value, key, on_delivery=report)
        except KafkaException as error:
            deliveries.fail(index, reason_of(error))
