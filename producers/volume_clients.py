"""The librdkafka producers under a UsageProducer: one reports failures only, one everything.

A report costs more than the event it is about, and librdkafka's Python client decides once a producer which
reports reach Python. The second is made when first needed. With transactions there is one, for both.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.deliveries import Failures
from producers.errors import ProducerClosedError
from producers.forking import abandon
from producers.kafka_client import producer_config
from producers.settings import ProducerSettings

OnDelivery = Callable[[KafkaError | None, Message], None]

_WAIT_SECONDS: Final = 0.05
_QUEUE_KILOBYTES: Final = 262_144
_TRANSACTION_MS: Final = 60_000
_LONGEST_TRANSACTION_MS: Final = 900_000
_BATCH_BYTES: Final = 262_144


@dataclass(frozen=True, slots=True)
class Limits:
    """How many events may wait, and for how many seconds each is tried."""

    queue_size: int
    delivery_timeout: float

    def properties(self) -> dict[str, object]:
        """As librdkafka names them."""
        return {
            "linger.ms": 10,
            "batch.size": _BATCH_BYTES,
            "queue.buffering.max.messages": self.queue_size,
            "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
            "message.timeout.ms": int(self.delivery_timeout * 1_000),
        }

    def transactional(self, transactional_id: str) -> dict[str, object]:
        """What a transaction adds: it may last as long as its events, and no longer than brokers allow."""
        lasting = min(max(self.delivery_timeout * 1_000, _TRANSACTION_MS), _LONGEST_TRANSACTION_MS)
        return {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(lasting),
            "message.timeout.ms": min(int(self.delivery_timeout * 1_000), int(lasting)),
        }


class VolumeClients:
    """Both producers of one broker list, and the thread that takes reports for asyncio."""

    def __init__(
        self,
        bootstrap_servers: str,
        settings: ProducerSettings,
        failures: Failures,
        limits: "Limits",
        transactional_id: str | None,
    ) -> None:
        self._config = producer_config(bootstrap_servers, settings, limits.properties())
        self._lock = threading.Lock()
        self._reporting: Producer | None = None
        if transactional_id is None:
            quiet = {"delivery.report.only.error": True, "on_delivery": failures.take}
            self.volume = Producer(self._config | quiet)
        else:  # one for both, for a transaction is a producer's own
            own = {"on_delivery": failures.take, **limits.transactional(transactional_id)}
            self.volume = self._reporting = Producer(self._config | own)
        self._poller: threading.Thread | None = None
        self._closed = threading.Event()
        self._unusable: str | None = None

    def reporting(self) -> Producer:
        """Give back the producer whose every message is reported."""
        with self._lock:
            self._check_usable()
            if self._reporting is None:
                self._reporting = Producer(self._config)
            return self._reporting

    def keep_polling(self) -> None:
        """Have a thread take reports from now on, for callers that cannot."""
        reporting = self.reporting()
        with self._lock:
            if self._poller is None:
                self._poller = threading.Thread(
                    target=self._poll, args=(reporting,), name="meterstream-reports", daemon=True
                )
                self._poller.start()

    def flush(self, timeout: float | None) -> int:
        """Wait for what is queued, at most `timeout` seconds; gives back how many events still wait."""
        self._check_usable()
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting = 0
        for client in self._all():
            left = -1 if deadline is None else max(deadline - time.monotonic(), 0.0)
            waiting += client.flush(left)
        return waiting

    def cancel(self) -> None:
        """Give up what is not stored yet: each of these events fails, though one on its way may be stored."""
        for client in self._all():
            client.purge()

    def close(self, reason: str = "this UsageProducer is closed: make a new one") -> None:
        """Let the reporting thread end; what is queued was flushed before."""
        self._unusable = reason
        self._closed.set()
        if self._poller is not None:
            self._poller.join()

    def abandon(self) -> None:
        """Let go of both in a forked child, whose copy of the lock may be held for ever."""
        self._lock = threading.Lock()
        self._unusable = "this UsageProducer was made before os.fork: make a new one in the child"
        for client in self._all():
            abandon(client)

    def refuse(self, *_: object) -> None:
        """Stand in for `produce` where it can no longer be called."""
        self._check_usable()

    def _all(self) -> set[Producer]:
        return {client for client in (self.volume, self._reporting) if client is not None}

    def _check_usable(self) -> None:
        if self._unusable is not None:
            raise ProducerClosedError(self._unusable)

    def _poll(self, reporting: Producer) -> None:
        while not self._closed.is_set():
            reporting.poll(_WAIT_SECONDS)


def enqueue_when_possible(client: Producer, *message: Any, **options: Any) -> None:  # noqa: ANN401 - as produce
    """Put a message on the queue, waiting while it is full; taking reports is what makes room."""
    while True:
        try:
            return client.produce(*message, **options)
        except BufferError:
            client.poll(_WAIT_SECONDS)


def reason_of(error: KafkaException) -> KafkaError:
    """Say why librdkafka did not do what it was asked to."""
    reason: KafkaError = error.args[0]
    return reason
