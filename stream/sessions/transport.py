"""Faust's Kafka transport with a consumer that reads committed records only, which its own does not."""

from collections.abc import Mapping
from typing import Any

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas import SESSION_BOUNDARIES


class CommittedConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, reading committed."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - read at start; Faust has no setting for it
        return consumer


class CommittedConsumer(driver.Consumer):
    """Faust's consumer over that thread, which takes nothing for done but what it is told is done.

    Faust acknowledges what a stream skips in a rebalance, and what an agent left by an exception; a commit
    after that would pass over boundaries nobody paired.
    """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to the commits, and to the log's start where there are none yet.

        aiokafka leaves a partition without a commit where it is: past what was fetched and dropped while the
        table was restored.
        """
        committed: Mapping[TP, int] = await super().seek_to_committed()
        uncommitted = [
            tp
            for tp, offset in committed.items()
            if tp.topic == SESSION_BOUNDARIES and not (offset and offset > 0)
        ]
        if uncommitted:
            await self._thread.seek_to_beginning(*uncommitted)
        return committed

    def ack(self, message: Any) -> bool:  # noqa: ARG002 - Faust's signature
        """Leave it to `done`."""
        return False

    def done(self, message: Any) -> None:
        """Let a record be committed, if it was read under the assignment of now."""
        if message.generation_id == self.app.consumer_generation_id:
            super().ack(message)

    def _new_consumer_thread(self) -> CommittedConsumerThread:
        return CommittedConsumerThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(driver.Transport):
    """The transport of an app that keeps Faust's own commits, after the agent is done with a record."""

    Consumer = CommittedConsumer
