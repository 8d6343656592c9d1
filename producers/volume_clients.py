"""The librdkafka producers under a UsageProducer: one reports failures only, one everything.

A report costs more than the event it is about, and librdkafka's Python client decides once a producer which
reports reach Python. The second is made when first needed.
"""

import threading
import time
from collections.abc import Callable
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
_BATCH_BYTES: Final = 262_144


class VolumeClients:
    """Both producers of one broker list, and the thread that takes reports for asyncio."""

    def __init__(
        self, bootstrap_servers: str, settings: ProducerSettings, queue_size: int, failures: Failures
    ) -> None:
        self._config = producer_config(
            bootstrap_servers,
            settings,
            {
                "linger.ms": 10,
                "batch.size": _BATCH_BYTES,
                "queue.buffering.max.messages": queue_size,
                "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
                "message.timeout.ms": int(settings.delivery_timeout * 1_000),
            },
        )
        quiet = {"delivery.report.only.error": True, "on_delivery": failures.take}
        self.volume = Producer(self._config | quiet)
        self._lock = threading.Lock()
        self._reporting: Producer | None = None
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
        for client in (self.volume, self._reporting):
            if client is not None:
                left = -1 if deadline is None else max(deadline - time.monotonic(), 0.0)
                waiting += client.flush(left)
        return waiting

    def close(self) -> None:
        """Let the reporting thread end; what is queued was flushed before."""
        self._unusable = "this UsageProducer is closed: make a new one"
        self._closed.set()
        if self._poller is not None:
            self._poller.join()

    def abandon(self) -> None:
        """Let go of both in a forked child, whose copy of the lock may be held for ever."""
        self._lock = threading.Lock()
        self._unusable = "this UsageProducer was made before os.fork: make a new one in the child"
        for client in (self.volume, self._reporting):
            if client is not None:
                abandon(client)

    def refuse(self, *_: object) -> None:
        """Stand in for `produce` where it can no longer be called."""
        self._check_usable()

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


def refusal(error: KafkaException) -> str:
    """Say why librdkafka did not take a message."""
    reason: KafkaError = error.args[0]
    return reason.str()
