"""Publishing what the stream makes: handed over at once, acknowledged when asked for."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from schemas import MAX_DEAD_LETTER_BYTES
from stream.errors import RowsRefusedError
from stream.outbox import ANY_PARTITION

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05
_CROWD: Final = 20_000
_CEILING: Final = 65_536  # room for a record's own framing above the largest value


class Publisher:
    """An idempotent producer that never gives a record up and never forgets a refusal.

    While the broker is away records wait here; `drain` then takes as long as that lasts.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._refused: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 5,
                "message.max.bytes": MAX_DEAD_LETTER_BYTES + _CEILING,
                "message.timeout.ms": 0,  # for ever
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1_048_576,
                "allow.auto.create.topics": False,
                "on_delivery": self._delivered,
            },
            logger=logger,
        )

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self._refused is None:
            self._refused = error

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        partition: int = ANY_PARTITION,
    ) -> None:
        """Hand a record over; blocks only while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, headers=list(headers))
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
            else:
                return

    def poll(self) -> None:
        """Take in acknowledgements that have come.

        Raises:
            RowsRefusedError: The broker refused a record for good.
        """
        self._producer.poll(0)
        self._raise_refusal()

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits for the broker that nothing more should be handed over for now."""
        return len(self._producer) > _CROWD

    async def has_room(self) -> None:
        """Wait until it is not crowded: handing over to a full queue would stop the event loop.

        Raises:
            RowsRefusedError: The broker refused a record for good.
        """
        while self.is_crowded:
            await asyncio.to_thread(self._producer.poll, _POLL_SECONDS)
            self._raise_refusal()

    async def drain(self) -> None:
        """Wait until the broker has acknowledged everything handed over.

        Raises:
            RowsRefusedError: It refused a record for good; nothing that depends on it may be committed.
        """
        while len(self._producer):
            await asyncio.to_thread(self._producer.flush, _POLL_SECONDS)
            self._raise_refusal()
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._refused is not None:
            raise RowsRefusedError(
                f"the broker refused what the stream published: {self._refused}; nothing further is "
                "committed, and a worker started again reads on from its last commit"
            )
