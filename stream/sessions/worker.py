"""`faust -A stream.sessions worker`: pairs the boundaries of AI sessions.

Faust brings the consumer group, the table with its changelog, and commits, which follow the agent: it is done
with a record when all that follows from it is acknowledged.
"""

import asyncio
import logging
from typing import Any

import faust
from yarl import URL

from schemas import SESSION_BOUNDARIES
from stream.core.log import Record, Source
from stream.definitions import DefinitionLog
from stream.publisher import Publisher
from stream.sessions.pairing import Pairing
from stream.sessions.table import TABLE, AcknowledgedTable, create_changelog
from stream.sessions.transport import CommittedTransport
from stream.settings import StreamSettings
from stream.topic_ids import read_topic_id

logger = logging.getLogger(__name__)


class SessionsApp(faust.App):
    """A Faust app that has its table's changelog made before it joins the group."""

    async def on_start(self) -> None:
        """Make the changelog: brokers create no topics themselves, and Faust would guess its partitions."""
        servers = ",".join(f"{url.host}:{url.port}" for url in self.conf.broker)
        await asyncio.to_thread(create_changelog, servers, self.conf.id)
        await super().on_start()

    def _create_directories(self) -> None:
        """Leave the directory Faust would make where it is started: the table is in memory."""


class Worker:
    """What one process pairs with; opened at the first record, so that importing opens nothing."""

    def __init__(self, settings: StreamSettings, app: faust.App, table: AcknowledgedTable) -> None:
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._app = app
        self._table = table
        self._pairing: Pairing | None = None
        self._topic_id = ""
        self._generation = -1

    async def take(self, message: Any) -> None:
        """Pair one boundary; what cannot be paired stops the worker before anything is committed."""
        try:
            await self._take(message)
        except Exception as error:
            logger.exception(
                "the boundary at %s/%d offset %d stops the worker",
                message.topic,
                message.partition,
                message.offset,
            )
            await self._app.crash(error)
            raise
        self._app.consumer.done(message)

    async def _take(self, message: Any) -> None:
        if message.generation_id != self._generation:
            self._topic_id = await asyncio.to_thread(
                read_topic_id, self._bootstrap_servers, SESSION_BOUNDARIES
            )
            self._generation = message.generation_id
        record = Record(
            message.offset,
            round(message.timestamp * 1000),
            message.timestamp_type,
            message.key,
            message.value,
            tuple(_pairs(message.headers)),
        )
        await self.pairing.take(record, Source(SESSION_BOUNDARIES, self._topic_id, message.partition))

    @property
    def pairing(self) -> Pairing:
        """The pairing of this process, made at the first use."""
        if self._pairing is None:
            self._pairing = Pairing(
                self._table, DefinitionLog(self._bootstrap_servers), Publisher(self._bootstrap_servers)
            )
        return self._pairing


def _pairs(headers: Any) -> list[tuple[str, bytes]]:
    return list(headers.items() if isinstance(headers, dict) else headers or ())


def _member_url(settings: StreamSettings) -> URL | None:
    """Return a URL that a member keeps.

    A static member started again is given its assignment of before, in which Faust expects its own URL: with
    the address of its web server, another port would leave it idle for ever.
    """
    instance_id = settings.consumer_group_instance_id
    return None if instance_id is None else URL.build(scheme="http", host="member", path=f"/{instance_id}")


def create_app(settings: StreamSettings) -> faust.App:
    """Wire the sessions app; no connection is opened before it starts."""
    app = SessionsApp(
        settings.sessions_consumer_group,
        producer_acks=-1,
        canonical_url=_member_url(settings),
        **settings.faust_options(settings.sessions_web_port),
    )
    app.transport = CommittedTransport(app.conf.broker, app)
    table = AcknowledgedTable(app, name=TABLE, key_type=bytes, value_type=bytes)
    app.tables.add(table)
    worker = Worker(settings, app, table)
    boundaries = app.topic(SESSION_BOUNDARIES, key_serializer="raw", value_serializer="raw", allow_empty=True)

    @app.agent(boundaries, name="pair")
    async def pair(stream: Any) -> None:
        async for event in stream.noack().events():
            await worker.take(event.message)

    return app


app = create_app(StreamSettings())
