"""UsageProducer: usage at volume, from threads or from asyncio."""

import asyncio
import logging
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException, Producer

from producers.awaiting import deliver, refused, stored
from producers.deliveries import Deliveries, Delivery, Failures
from producers.destinations import brokers
from producers.errors import (
    BrokerUnavailableError,
    DeliveryError,
    InvalidEventError,
    TransactionError,
)
from producers.event_encoder import Encoded, Event, EventEncoder
from producers.settings import current_settings
from producers.transactions import Transactions
from producers.volume_clients import Limits, VolumeClients, enqueue_when_possible, reason_of
from schemas import USAGE_EVENTS

_log = logging.getLogger(__name__)
_POLL_EVERY: Final = 1_000
_WAIT_SECONDS: Final = 0.005
_EXIT_SECONDS: Final = 10.0


class UsageProducer:
    """Publishes usage events in volume; threads may share it, a forked child needs its own.

    An event keeps its event_id however often it is sent, so workers count it once; librdkafka's own retries
    are idempotent and do not even store it twice.

    `send` is the fast way: it only enqueues; what could not be stored is raised by the next `flush`, or at
    the end of the `with` block. `send_many` waits and says of each event where it was stored, at a lower
    rate. In asyncio use `async with`, `asend`, `asend_many` and `aflush`.

    With a `transactional_id` events are sent in transactions and can be read all together or not at all:
    `send` within a `with producer.transaction():` block, `send_many` and `asend` each in one of their own. Of
    two producers with the same id, the one made later ends the other's.

    While the queue is full callers wait. An event not stored within METERSTREAM_DELIVERY_TIMEOUT seconds
    (120) fails.
    """

    def __init__(
        self,
        kafka_url: str | None = None,
        *,
        topic: str = USAGE_EVENTS,
        queue_size: int = 100_000,
        delivery_timeout: float | None = None,
        transactional_id: str | None = None,
    ) -> None:
        """Connect in the background.

        Args:
            kafka_url: kafka://host:9092 or host:9092,host2:9092; None: METERSTREAM_KAFKA_BOOTSTRAP_SERVERS.
            topic: where the events go.
            queue_size: how many events may wait for the broker before callers do.
            delivery_timeout: seconds after which an event fails; None: METERSTREAM_DELIVERY_TIMEOUT.
            transactional_id: a name that no other producer has at the same time; None: no transactions.

        Raises:
            ValueError: no brokers are named.
        """
        settings = current_settings()
        url = settings.kafka_bootstrap_servers if kafka_url is None else kafka_url
        if url is None:
            raise ValueError("no brokers: pass kafka_url or set METERSTREAM_KAFKA_BOOTSTRAP_SERVERS")
        self._topic = topic
        self._encode = EventEncoder().encode
        self._failures = Failures()
        limits = Limits(queue_size, delivery_timeout or settings.delivery_timeout)
        servers = brokers(url).bootstrap_servers
        self._clients = VolumeClients(servers, settings, self._failures, limits, transactional_id)
        self._transactions = (
            Transactions(self._clients.volume, limits.delivery_timeout) if transactional_id else None
        )
        self._produce: Callable[..., None] = self._clients.volume.produce
        self._until_poll = _POLL_EVERY
        self._finalizer = weakref.finalize(self, _deliver_forgotten, self._clients, self._failures)
        _live.add(self)

    def send(self, event: Event) -> str:
        """Enqueue an event and give back its event_id.

        Args:
            event: a mapping with the fields of schemas.UsageEvent, a UsageRecord or a UsageEvent. A missing
                event_id is made, a missing timestamp is now.

        Raises:
            InvalidEventError: names what is wrong with it; nothing was enqueued.
            DeliveryError: the producer can send nothing any more; make a new one.
            TransactionError: it has a transactional_id, and no transaction is open.
            ProducerClosedError: closed, or made before this process was forked.
        """
        event_id, key, value = self._encode(event)
        try:
            try:
                self._produce(self._topic, value, key)
            except BufferError:
                enqueue_when_possible(self._clients.volume, self._topic, value, key)
        except KafkaException as error:
            raise refused(event_id, error) from error
        self._until_poll -= 1
        if self._until_poll <= 0:
            self._until_poll = _POLL_EVERY
            self._clients.volume.poll(0)
        return event_id

    def send_many(self, events: Iterable[Event]) -> Deliveries:
        """Publish events and wait until each is stored or has failed.

        Gives back a sequence of `Delivery` (event_id, partition, offset, error), in the order of the events;
        `raise_for_failures()` turns failures into a DeliveryError.

        Raises:
            InvalidEventError: names the event by position and what is wrong; none of them was sent.
        """
        return self.send_encoded(self._encode_all(events))

    def send_encoded(self, encoded: Sequence[Encoded]) -> Deliveries:
        """`send_many` of events that are event id, record key and record value already."""
        client = self._clients.reporting()
        deliveries = Deliveries([event_id for event_id, _, _ in encoded])
        try:
            with self.transaction() if self._transactions else nullcontext():
                self._deliver(client, encoded, deliveries)
                if self._transactions and (failed := deliveries.failed):
                    raise TransactionError(f"aborted, for {failed[0].event_id} failed: {failed[0].error}")
        except (TransactionError, BrokerUnavailableError) as error:
            deliveries.take_back(str(error))
        return deliveries

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """What this thread sends in the block can be read once it ends, or never if it raises.

        Raises:
            ValueError: the producer has no transactional_id.
            BrokerUnavailableError: no broker answered before anything was sent.
            TransactionError: nothing of it can be read; or, where it says so, nobody knows.
        """
        if self._transactions is None:
            raise ValueError("no transactions: make the UsageProducer with a transactional_id")
        self._clients.reporting()  # a closed one, or one of another process, is refused here
        try:
            with self._transactions.transaction():
                yield self
        except BaseException:
            self._failures.pop()  # the events of a transaction are told of by its error
            raise

    def _deliver(self, client: Producer, encoded: Sequence[Encoded], deliveries: Deliveries) -> None:
        try:
            self._produce_all(client, encoded, deliveries)
            while not deliveries.are_complete:
                client.poll(_WAIT_SECONDS)
        except KafkaException as error:  # polling raises what is fatal, after which no report comes
            deliveries.fail_rest(reason_of(error))

    def _produce_all(self, client: Producer, encoded: Sequence[Encoded], deliveries: Deliveries) -> None:
        for index, (_, key, value) in enumerate(encoded):
            report = partial(deliveries.take, index)
            try:
                try:
                    client.produce(self._topic, value, key, on_delivery=report)
                except BufferError:
                    enqueue_when_possible(client, self._topic, value, key, on_delivery=report)
            except KafkaException as error:
                deliveries.fail(index, reason_of(error))
            if not index % _POLL_EVERY:
                client.poll(0)

    def cancel(self) -> None:
        """Have every event that is not stored yet fail at once; one that is on its way may be stored yet."""
        self._clients.cancel()

    def flush(self, timeout: float | None = None) -> int:
        """Wait until what was sent is stored or has failed; gives back how many events still wait.

        Args:
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            DeliveryError: names the events of `send` that failed since the last call.
        """
        waiting = self._clients.flush(timeout)
        failed = self._failures.pop()
        if failed is not None:
            raise failed
        return waiting

    def close(self) -> None:
        """Flush, and take no more events; a second call does nothing. Errors as `flush`."""
        if not self._finalizer.detach():
            return
        self._produce = self._clients.refuse
        try:
            self.flush()
        finally:
            self._clients.close()

    async def asend(self, event: Event) -> Delivery:
        """Publish an event and wait, without blocking the loop, until it is stored.

        Many may run at once (`asyncio.gather`, task groups); a thread takes the broker's reports and hands
        each to the loop that awaits it.

        Raises:
            InvalidEventError, ProducerClosedError: as `send`.
            DeliveryError: it was not stored.
        """
        event_id, key, value = self._encode(event)
        if self._transactions is not None:
            [delivery] = await asyncio.to_thread(self.send_encoded, [(event_id, key, value)])
            return stored(delivery)
        client = self._clients.reporting()
        self._clients.keep_polling()
        return stored(await deliver(client, self._topic, (event_id, key, value)))

    async def asend_many(self, events: Iterable[Event]) -> Deliveries:
        """`send_many` in a thread, so that the loop goes on."""
        return await asyncio.to_thread(self.send_many, events)

    async def aflush(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - librdkafka keeps the time
        """`flush` in a thread, so that the loop goes on."""
        return await asyncio.to_thread(self.flush, timeout)

    def drop_at_exit(self) -> None:
        """When the program ends, do not wait for events that whoever sent them keeps elsewhere, too."""
        self._finalizer.atexit = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except DeliveryError as error:
            if raised is None:
                raise
            _log.error("%s", error)  # what ended the block is the error to raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, raised, trace)

    def _encode_all(self, events: Iterable[Event]) -> list[Encoded]:
        encoded: list[Encoded] = []
        try:
            encoded.extend(map(self._encode, events))
        except InvalidEventError as error:
            raise InvalidEventError(f"event {len(encoded)} of the batch: {error}") from error
        return encoded

    def _abandon(self) -> None:
        if self._finalizer.detach():
            self._clients.abandon()
            self._produce = self._clients.refuse


_live: weakref.WeakSet[UsageProducer] = weakref.WeakSet()


def _abandon_all() -> None:
    for producer in list(_live):
        producer._abandon()  # noqa: SLF001 - this module's own


os.register_at_fork(after_in_child=_abandon_all)


def _deliver_forgotten(clients: VolumeClients, failures: Failures) -> None:
    """What a producer that nobody closed still owes, when it is collected or the interpreter ends."""
    waiting = clients.flush(_EXIT_SECONDS)
    clients.close()
    failed = failures.pop()
    if failed is not None:
        _log.error("%s", failed)
    if waiting:
        _log.error("%d events were lost: close the UsageProducer before the program ends", waiting)
