"""`faust -A stream worker`: counts usage events into windows.

Faust brings the consumer group, the life cycle and the web server; what is counted, and in which order it is
sent and committed, is decided in `stream.counting`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

import faust

from schemas import USAGE_EVENTS
from stream.core.decoding import Decoder
from stream.core.log import Source
from stream.core.pins import Pin
from stream.counting import Counting, OwnedPartition
from stream.definitions import DefinitionLog
from stream.emitting import Emitter
from stream.errors import PartitionLostError
from stream.publisher import Publisher
from stream.settings import StreamSettings
from stream.topic_ids import read_topic_id
from stream.transport import BatchTransport

logger = logging.getLogger(__name__)

_QUEUED_BATCHES: Final = 4
_IDLE_FLUSH_SECONDS: Final = 0.25


class CountingApp(faust.App):
    """A Faust app that keeps nothing on disk: a partition's state is its pin and the log."""

    def _create_directories(self) -> None:
        """Make none."""


class Worker:
    """What one process counts with; opened when the app starts, so that importing opens nothing."""

    def __init__(self, settings: StreamSettings, app: faust.App) -> None:
        self._settings = settings
        self._app = app
        self._counting: Counting | None = None

    @property
    def counting(self) -> Counting:
        """The counting of this process, made at the first use."""
        if self._counting is None:
            settings = self._settings
            outbox = Publisher(settings.kafka_bootstrap_servers)
            self._counting = Counting(
                chunk_spacing=settings.chunk_spacing,
                dedupe_spacing=settings.dedupe_spacing,
                decoder=Decoder(settings.foreign_tenant),
                definitions=DefinitionLog(settings.kafka_bootstrap_servers),
                emitter=Emitter(
                    outbox,
                    time.monotonic,
                    flush_seconds=settings.flush_seconds,
                    row_budget=settings.row_budget,
                ),
                commit_pin=self._commit_pin,
            )
        return self._counting

    async def _commit_pin(self, partition: int, pin: Pin) -> None:
        await self._app.consumer.commit_pin(partition, pin)

    async def resume(self, pins: Mapping[int, Pin | None], seek: int) -> None:
        """Own the partitions assigned, each from its pin on."""
        topic_id = await asyncio.to_thread(
            read_topic_id, self._settings.kafka_bootstrap_servers, USAGE_EVENTS
        )
        if seek != self._app.consumer.seeks:
            return  # a later seek, or a rebalance, has overtaken this one
        self.counting.resume(
            [
                OwnedPartition(Source(USAGE_EVENTS, topic_id, partition), pin, seek)
                for partition, pin in pins.items()
            ]
        )

    async def count(self, message: Any) -> None:
        """Count a fetched batch; what cannot be counted stops the worker before anything is committed."""
        try:
            await self.counting.count(message.partition, message.value)
        except PartitionLostError as lost:
            logger.warning("%s; its owner counts on from its last pin", lost)
        except Exception as error:  # an exception that left the agent would acknowledge the batch
            await self._app.crash(error)
            raise


def create_app(settings: StreamSettings) -> faust.App:
    """Wire the counting app; no connection is opened before it starts."""
    app = CountingApp(
        settings.consumer_group,
        broker_max_poll_records=settings.fetch_records,
        stream_buffer_maxsize=_QUEUED_BATCHES,
        **settings.faust_options(settings.web_port),
    )
    worker = Worker(settings, app)
    app.transport = BatchTransport(app.conf.broker, app, resume=worker.resume)
    events = app.topic(USAGE_EVENTS, key_serializer="raw", value_serializer="raw")

    @app.agent(events, name="count")
    async def count(stream: Any) -> None:
        async for event in stream.noack().events():
            await worker.count(event.message)

    @app.timer(interval=_IDLE_FLUSH_SECONDS)
    async def flush() -> None:
        worker.counting.flush_if_due()

    @app.on_partitions_revoked.connect
    async def let_go(*_: Any, **__: Any) -> None:
        app.consumer.seeks += 1
        worker.counting.let_go()

    return app


app = create_app(StreamSettings())
