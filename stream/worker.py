"""`faust -A stream worker`: counts usage events into windows.

Faust brings the consumer group, the life cycle and the web server; what is counted, and in which order it is
sent and committed, is decided in `stream.counting`.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import faust
from prometheus_client import generate_latest

from schemas import USAGE_EVENTS
from stream.core.beginnings import Beginning, begin
from stream.core.decoding import Decoder
from stream.core.log import Source
from stream.core.pins import Pin
from stream.counting import Counting
from stream.definitions import DefinitionLog
from stream.emitting import Emitter
from stream.errors import BrokerAwayError, PartitionLostError, TopicRecreatedError
from stream.metrics import LOG_FAULTS
from stream.owned import OwnedPartition
from stream.patience import patiently
from stream.publisher import Publisher
from stream.settings import StreamSettings
from stream.topic_ids import read_topic_id
from stream.transport import BatchTransport, Found

logger = logging.getLogger(__name__)

_QUEUED_BATCHES: Final = 4
_IDLE_FLUSH_SECONDS: Final = 0.25
_TOPIC_CHECK_SECONDS: Final = 10.0
_HAND_OVER_SECONDS: Final = 5.0
_NEVER_SECONDS: Final = 1_000_000_000.0
_COLLECTION: Final = (100_000, 20, 50)
"""Thresholds of the garbage collector: a batch's records come and go by the ten thousand, none in a cycle."""


class CountingApp(faust.App):
    """A Faust app that keeps nothing on disk: a partition's state is its pin and the log."""

    async def on_start(self) -> None:
        """Wait for the broker and the topic: aiokafka gives up at once where nobody answers."""
        gc.freeze()
        gc.set_threshold(*_COLLECTION)
        servers = ",".join(f"{url.host}:{url.port}" for url in self.conf.broker)
        await patiently(read_topic_id, servers, USAGE_EVENTS)
        await super().on_start()

    def _create_directories(self) -> None:
        """Make none."""


EmitterFactory = Callable[[StreamSettings], Emitter]


def create_emitter(settings: StreamSettings) -> Emitter:
    """Make what sends the rows; a connection is opened."""
    outbox = Publisher(settings.kafka_bootstrap_servers)
    return Emitter(
        outbox, time.monotonic, flush_seconds=settings.flush_seconds, row_budget=settings.row_budget
    )


class Worker:
    """What one process counts with; opened when the app starts, so that importing opens nothing."""

    def __init__(self, settings: StreamSettings, app: faust.App, emitter: EmitterFactory) -> None:
        self._settings = settings
        self._app = app
        self._emitter = emitter
        self._counting: Counting | None = None
        self._topic_id = ""

    @property
    def counting(self) -> Counting:
        """The counting of this process, made at the first use."""
        if self._counting is None:
            settings = self._settings
            self._counting = Counting(
                chunk_spacing=settings.chunk_spacing,
                dedupe_spacing=settings.dedupe_spacing,
                decoder=Decoder(settings.foreign_tenant),
                definitions=DefinitionLog(settings.kafka_bootstrap_servers),
                emitter=self._emitter(settings),
                commit_pin=self._commit_pin,
            )
        return self._counting

    async def _commit_pin(self, partition: int, pin: Pin) -> None:
        await self._app.consumer.commit_pin(partition, pin)

    async def resume(self, found: Mapping[int, Found], seek: int) -> Mapping[int, int]:
        """Own the partitions assigned, each from its pin on; return where to read them from."""
        topic_id = await self._read_topic_id()
        if seek != self._app.consumer.seeks:
            return {}  # a later seek, or a rebalance, has overtaken this one
        self._topic_id = topic_id
        beginnings = {
            Source(USAGE_EVENTS, topic_id, partition): self._begin(partition, one)
            for partition, one in found.items()
        }
        self.counting.resume(
            [
                OwnedPartition(source, beginning.pin, seek, beginning.remainder)
                for source, beginning in beginnings.items()
            ]
        )
        return {source.partition: beginning.read_from for source, beginning in beginnings.items()}

    def _begin(self, partition: int, found: Found) -> Beginning:
        settings = self._settings
        beginning = begin(
            Source(USAGE_EVENTS, self._topic_id, partition),
            found.pin,
            found.bounds,
            settings.chunk_spacing,
            accept_log_start=settings.accept_log_start,
        )
        if beginning.fault:
            logger.error("%s", beginning.fault)
            LOG_FAULTS.labels(USAGE_EVENTS, partition).inc()
        return beginning

    async def _read_topic_id(self) -> str:
        """Return the topic's id, which must not change under a worker: its offsets mean other records then.

        Raises:
            TopicRecreatedError: It has changed.
        """
        now = await patiently(read_topic_id, self._settings.kafka_bootstrap_servers, USAGE_EVENTS)
        self._raise_if_recreated(now)
        return now

    def _raise_if_recreated(self, now: str) -> None:
        if self._topic_id and now != self._topic_id:
            raise TopicRecreatedError(
                f"{USAGE_EVENTS} was deleted and made anew: its id was {self._topic_id} and is {now}; what "
                "was not counted of the old one is gone. A worker started again counts the new one from its "
                "first record"
            )

    async def check_topic(self) -> None:
        """Stop when the topic was made anew behind a position that the new one has, too."""
        await self._app.consumer.rejoin_if_idle()
        try:
            now = await asyncio.to_thread(read_topic_id, self._settings.kafka_bootstrap_servers, USAGE_EVENTS)
        except BrokerAwayError:
            return
        self._raise_if_recreated(now)

    def keep_time(self) -> None:
        """Do what is due while no records come."""
        if self._counting is not None:
            self._counting.flush_if_due()
            self._counting.tick_if_silent()
            self._counting.measure()

    async def hand_over(self) -> None:
        """Let go of all partitions with everything counted sent and acknowledged, if that can be soon."""
        self._app.consumer.seeks += 1
        if self._counting is None:
            return
        try:
            await asyncio.wait_for(self._counting.hand_over(), _HAND_OVER_SECONDS)
        except TimeoutError:
            logger.warning("let go before all was acknowledged; whoever resumes sends it again")

    async def count(self, message: Any) -> None:
        """Count a fetched batch; what cannot be counted stops the worker before anything is committed."""
        try:
            await self.counting.count(message.partition, message.value)
        except PartitionLostError as lost:
            logger.warning("%s; its owner counts on from its last pin", lost)
        except Exception as error:  # an exception that left the agent would acknowledge the batch
            await self._app.crash(error)
            raise


def create_app(settings: StreamSettings, emitter: EmitterFactory = create_emitter) -> faust.App:
    """Wire the counting app; no connection is opened before it starts.

    `emitter` makes what sends the rows, once the app starts.
    """
    app = CountingApp(
        settings.consumer_group,
        broker_max_poll_records=settings.fetch_records,
        # Faust would go on after this long as if the read positions were set.
        broker_request_timeout=_NEVER_SECONDS,
        stream_buffer_maxsize=_QUEUED_BATCHES,
        **settings.faust_options(settings.web_port),
    )
    worker = Worker(settings, app, emitter)
    app.transport = BatchTransport(app.conf.broker, app, owner=worker)
    events = app.topic(USAGE_EVENTS, key_serializer="raw", value_serializer="raw")

    @app.agent(events, name="count")
    async def count(stream: Any) -> None:
        async for event in stream.noack().events():
            await worker.count(event.message)

    @app.timer(interval=_IDLE_FLUSH_SECONDS)
    async def keep_time() -> None:
        worker.keep_time()

    @app.timer(interval=_TOPIC_CHECK_SECONDS)
    async def check_topic() -> None:
        await worker.check_topic()

    @app.page("/metrics")
    async def metrics(web: Any, _request: Any) -> Any:
        return web.bytes(generate_latest(), content_type="text/plain")

    @app.on_partitions_revoked.connect
    async def revoked(*_: Any, **__: Any) -> None:
        await worker.hand_over()

    @app.on_before_shutdown.connect
    async def shut_down(*_: Any, **__: Any) -> None:
        await worker.hand_over()

    return app


app = create_app(StreamSettings())
