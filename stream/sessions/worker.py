"""`faust -A stream.sessions worker`: pairs the boundaries of AI sessions.

Faust brings the consumer group, the life cycle and the web server. What is paired, and in which order it is
remembered, sent and committed, is decided in `stream.sessions.pairing`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

import faust
from yarl import URL

from schemas import SESSION_BOUNDARIES
from stream.core.log import Source
from stream.definitions import DefinitionLog
from stream.errors import PartitionLostError
from stream.patience import patiently
from stream.publisher import Publisher
from stream.sessions.changelog import (
    changelog_name,
    create_changelog,
    read_changelog_id,
    read_ends,
    restore,
)
from stream.sessions.pairing import OwnedPartition, Pairing
from stream.sessions.positions import Changelog, Committed, Start, start_after
from stream.sessions.table import SessionTable
from stream.sessions.transport import BoundaryTransport
from stream.settings import StreamSettings
from stream.topic_ids import read_topic_id

logger = logging.getLogger(__name__)

_FETCH_RECORDS: Final = 500
_QUEUED_BATCHES: Final = 4
_EXPIRY_SECONDS: Final = 1.0
_TOPIC_ID_SECONDS: Final = 10.0


class SessionsApp(faust.App):
    """A Faust app that has its table's changelog made before it joins the group."""

    async def on_start(self) -> None:
        """Make the changelog, which has as many partitions as `session-boundaries`."""
        servers = ",".join(f"{url.host}:{url.port}" for url in self.conf.broker)
        self.transport.owner.has_new_changelog = await patiently(create_changelog, servers, self.conf.id)
        await super().on_start()

    async def on_stop(self) -> None:
        """Stop what goes on in the background, which would keep the process from ending."""
        self.transport.owner.let_go()
        await super().on_stop()

    def _create_directories(self) -> None:
        """Leave the directory Faust would make where it is started: the table is in memory."""


class Worker:
    """What one process pairs with; opened at the first use, so that importing opens nothing.

    Attributes:
        has_new_changelog: Whether the changelog was not there before this process.
    """

    def __init__(self, settings: StreamSettings, app: faust.App) -> None:
        self._settings = settings
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._app = app
        self._changelog = changelog_name(settings.sessions_consumer_group)
        self.has_new_changelog = False
        self._pairing: Pairing | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._wanted_seek = -1
        self._topic_id = ""

    @property
    def pairing(self) -> Pairing:
        """The pairing of this process, made at the first use."""
        if self._pairing is None:
            self._pairing = Pairing(
                lifetimes=self._settings.session_lifetimes,
                definitions=DefinitionLog(self._bootstrap_servers),
                outbox=Publisher(self._bootstrap_servers),
                changelog=self._changelog,
                commit=self._commit,
            )
        return self._pairing

    async def _commit(self, partition: int, committed: Committed) -> None:
        await self._app.consumer.commit_paired(partition, committed)

    def begin(self, partitions: list[int], seek: int) -> None:
        """Own these partitions, once their tables are restored, and none from now until then."""
        self.let_go()
        self._wanted_seek = seek
        self._resuming = asyncio.create_task(self._resume_or_crash(partitions, seek))

    def let_go(self) -> None:
        """Own nothing, and be about to own nothing."""
        self._wanted_seek = -1
        if self._pairing is not None:
            self._pairing.let_go()
        if self._resuming is not None:
            self._resuming.cancel()

    async def _resume_or_crash(self, partitions: list[int], seek: int) -> None:
        try:
            await self._resume(partitions, seek)
        except Exception as error:
            if seek == self._wanted_seek:  # else it failed for having been overtaken
                logger.exception("partitions %s cannot be resumed", partitions)
                await self._app.crash(error)

    async def _resume(self, partitions: list[int], seek: int) -> None:
        """Restore the tables, and only then read boundaries on from where they are paired to."""
        self._topic_id = await patiently(read_topic_id, self._bootstrap_servers, SESSION_BOUNDARIES)
        sources = {one: Source(SESSION_BOUNDARIES, self._topic_id, one) for one in partitions}
        # Before it is read: made anew meanwhile, it is found to be another one the next time.
        changelog_id = await patiently(read_changelog_id, self._bootstrap_servers, self._changelog)
        starts = await self._starts(sources, Changelog(changelog_id, self.has_new_changelog))
        tables = await self._restored(partitions, seek)
        if seek != self._wanted_seek:
            return
        # Owned before anything is read after this seek: nothing of that may be dropped.
        self.pairing.own(OwnedPartition(sources[one], seek, tables[one], changelog_id) for one in partitions)
        await self._app.consumer.read_from({one: start.offset for one, start in starts.items()}, seek)

    async def _starts(self, sources: Mapping[int, Source], changelog: Changelog) -> dict[int, Start]:
        found = await self._app.consumer.find(list(sources))
        starts = {
            one: start_after(source, found[one].committed, found[one].bounds, changelog)
            for one, source in sources.items()
        }
        for start in starts.values():
            if start.fault:
                logger.error(start.fault)
        return starts

    async def _restored(self, partitions: list[int], seek: int) -> dict[int, SessionTable]:
        """Return the tables as the changelog has them; less, once the seek is not the wanted one any more."""
        tables = {one: SessionTable(self._settings.session_lifetimes) for one in partitions}
        begun = time.monotonic()
        ends = await patiently(read_ends, self._bootstrap_servers, self._changelog, partitions)
        await asyncio.to_thread(
            restore,
            self._bootstrap_servers,
            self._changelog,
            tables,
            ends,
            lambda: seek == self._wanted_seek,
        )
        sessions = sum(len(table) for table in tables.values())
        logger.info("restored %d sessions in %.1f s", sessions, time.monotonic() - begun)
        return tables

    async def take(self, message: Any) -> None:
        """Pair a fetched batch; what cannot be paired stops the worker before it is committed."""
        try:
            await self.pairing.take(message.partition, message.value)
        except PartitionLostError as lost:
            logger.warning("%s; its owner goes on from its last commit", lost)
        except Exception as error:  # an exception that left the agent would be taken for done
            logger.exception(
                "boundaries of %s/%d up to offset %d stop the worker",
                message.topic,
                message.partition,
                message.offset,
            )
            await self._app.crash(error)
            raise

    async def expire(self) -> None:
        """Mark sessions open beyond their limit by now."""
        if self._pairing is None:
            return
        try:
            await self._pairing.expire(time.time_ns() // 1_000_000)
        except PartitionLostError as lost:
            logger.warning("%s; its owner goes on", lost)

    async def check_topic(self) -> None:
        """Begin anew where `session-boundaries` was made anew and has the offsets read of it before, too."""
        await self._app.consumer.rejoin_if_idle()
        seek = self._wanted_seek
        topic_id = await patiently(read_topic_id, self._bootstrap_servers, SESSION_BOUNDARIES)
        if seek == self._wanted_seek and self._pairing is not None and topic_id != self._topic_id:
            logger.error("%s was made anew while it was read", SESSION_BOUNDARIES)
            await self._app.consumer.perform_seek()


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
        canonical_url=_member_url(settings),
        broker_max_poll_records=_FETCH_RECORDS,
        stream_buffer_maxsize=_QUEUED_BATCHES,
        **settings.faust_options(settings.sessions_web_port),
    )
    worker = Worker(settings, app)
    app.transport = BoundaryTransport(app.conf.broker, app, owner=worker)
    boundaries = app.topic(SESSION_BOUNDARIES, key_serializer="raw", value_serializer="raw", allow_empty=True)

    @app.agent(boundaries, name="pair")
    async def pair(stream: Any) -> None:
        async for event in stream.noack().events():
            await worker.take(event.message)

    @app.task
    async def expire() -> None:
        while not app.should_stop:
            await app.sleep(_EXPIRY_SECONDS)
            await worker.expire()

    @app.task
    async def check_topic() -> None:
        while not app.should_stop:
            await app.sleep(_TOPIC_ID_SECONDS)
            await worker.check_topic()

    @app.on_partitions_revoked.connect
    async def let_go(*_: Any, **__: Any) -> None:
        app.consumer.seeks += 1
        worker.let_go()

    return app


app = create_app(StreamSettings())
