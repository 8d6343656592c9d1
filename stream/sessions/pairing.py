"""Boundaries by the batch: decoded, applied, remembered, their rows sent; each step before the next.

A state is in the changelog before the first of its rows is sent, with the definitions they are counted by;
the rows are acknowledged before the boundary is committed. So a crash anywhere ends in the same rows: before
the changelog has the state, the boundary is applied anew; after it, it is a repeat, which sends the rows
again.

No boundary brings an expiry back, so there it is the other way round: the session is sent as expired before
the changelog says so, and whoever does not find it there sends the same again.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from stream.core.definitions import DefinitionSet
from stream.core.lifetimes import Lifetimes
from stream.core.log import LogRecord, Source
from stream.core.rejections import RejectedError
from stream.core.session_life import expire, remember
from stream.core.session_rows import SessionKey, count_changed, needs_definitions
from stream.core.session_state import SessionsState, encode_state
from stream.core.sessions import apply, is_repeat
from stream.counting import Definitions
from stream.errors import PartitionLostError
from stream.outbox import Outbox, publish_dead_letter
from stream.owned import Batch
from stream.patience import patiently
from stream.sessions.boundaries import Boundary, Position, decode_boundary, position_of, session_key_of
from stream.sessions.changelog import deletion
from stream.sessions.emitting import publish_sessions
from stream.sessions.positions import Committed
from stream.sessions.table import SessionTable

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
"""Keys that expire, or are forgotten, in one go: boundaries wait meanwhile."""


class Commits(Protocol):
    """Commits what is paired, or raises PartitionLostError: another worker owns the partition now."""

    async def __call__(self, partition: int, committed: Committed) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class OwnedPartition:
    """A partition as paired since the last seek; its table is what the changelog with that id has."""

    source: Source
    seek: int
    table: SessionTable
    changelog_id: str


class Change(NamedTuple):
    """What becomes of a key: by a boundary that stood at a position, at a record."""

    record: LogRecord
    position: Position
    key: SessionKey
    state: SessionsState
    is_repeated: bool


class Pairing:
    """Pairs the boundaries of the partitions this worker owns."""

    def __init__(
        self,
        *,
        lifetimes: Lifetimes,
        definitions: Definitions,
        outbox: Outbox,
        changelog: str,
        commit: Commits,
    ) -> None:
        self._lifetimes = lifetimes
        self._definitions = definitions
        self._outbox = outbox
        self._changelog = changelog
        self._commit = commit
        self._owned: dict[int, OwnedPartition] = {}
        self._one_at_a_time = asyncio.Lock()
        self._known_end = -1
        self._known = DefinitionSet(())

    def own(self, partitions: Iterable[OwnedPartition]) -> None:
        """Own exactly these partitions, each with its table restored."""
        self._owned = {owned.source.partition: owned for owned in partitions}

    def let_go(self) -> None:
        """Own nothing; what is under way ends at its next step."""
        self._owned = {}

    async def take(self, partition: int, batch: Batch) -> None:
        """Pair a batch, unless the partition was let go or read anew since it was fetched.

        Raises:
            PartitionLostError: Another worker owns the partition now.
            StreamError: Something could not be read or sent; nothing further may be committed.
        """
        async with self._one_at_a_time:
            owned = self._owned.get(partition)
            if owned is None or owned.seek != batch.seek:
                return
            try:
                for records in _of_distinct_keys(batch.records):
                    await self._pair(owned, records)
            except BaseException:  # a cancellation, too, leaves what is half done
                # What follows must not be paired either, before the partition is read anew.
                if self._owned.get(partition) is owned:
                    del self._owned[partition]
                raise

    async def expire(self, now: int) -> None:
        """Mark sessions open beyond their limit; `now` is the wall clock's, in epoch milliseconds.

        Raises:
            PartitionLostError: Another worker owns a partition now.
            StreamError: Something could not be sent.
        """
        async with self._one_at_a_time:
            for owned in list(self._owned.values()):
                await self._expire(owned, now)

    async def _pair(self, owned: OwnedPartition, records: Sequence[LogRecord]) -> None:
        """Pair records of keys that differ: of a repeat only its last change is sure to be sent again."""
        changes = [change for record in records if (change := self._applied(owned, record)) is not None]
        new = await self._counted([change for change in changes if not change.is_repeated])
        await self._acknowledged(owned)  # dead letters: once a boundary is remembered, none follow
        await self._remember(owned, {change.key.text.encode(): change.state for change in new})
        for change in new:
            publish_sessions(self._outbox, change.key, change.state.changed())
        for change in changes:
            if change.is_repeated:
                publish_sessions(self._outbox, change.key, change.state.entries)
        await self._forget(owned, max(record.timestamp for record in records))
        await self._acknowledged(owned)
        committed = Committed(records[-1].offset + 1, owned.source.topic_id, owned.changelog_id)
        await self._commit(owned.source.partition, committed)

    def _applied(self, owned: OwnedPartition, record: LogRecord) -> Change | None:
        position = position_of(record, owned.source)
        try:
            boundary = decode_boundary(record, position)
        except RejectedError as refusal:
            publish_dead_letter(self._outbox, record, position.source, position.offset, refusal)
            return None
        return self._apply(owned, record, position, boundary)

    def _apply(
        self, owned: OwnedPartition, record: LogRecord, position: Position, boundary: Boundary
    ) -> Change:
        key = boundary.key
        state = owned.table.get(key.text.encode())
        if is_repeat(state, boundary.arrival):
            return Change(record, position, key, state, is_repeated=True)
        state, refusal = apply(
            state, boundary.arrival, identified=bool(key.session_id), lifetimes=self._lifetimes
        )
        if refusal is not None:
            publish_dead_letter(self._outbox, record, position.source, position.offset, refusal)
        return Change(record, position, key, state, is_repeated=False)

    async def _counted(self, changes: Sequence[Change]) -> list[Change]:
        """Have meters count what changed, by all definitions published up to now."""
        needed = any(needs_definitions(change.state) for change in changes)
        definitions = await self._latest_definitions() if needed else None
        return [self._count(change, definitions) for change in changes]

    def _count(self, change: Change, definitions: DefinitionSet | None) -> Change:
        state, refusals = count_changed(change.state, change.key, definitions)
        for meter_id, refusal in refusals:
            publish_dead_letter(
                self._outbox, change.record, change.position.source, change.position.offset, refusal, meter_id
            )
        return change._replace(state=state)

    async def _latest_definitions(self) -> DefinitionSet:
        end = await patiently(self._definitions.end)
        if end != self._known_end:
            self._known = await patiently(self._definitions.known_at, end)
            self._known_end = end
        return self._known

    async def _remember(self, owned: OwnedPartition, states: dict[bytes, SessionsState]) -> None:
        """Have the changelog acknowledge states, and only then the table."""
        for key, state in states.items():
            self._outbox.produce(self._changelog, encode_state(state), key, partition=owned.source.partition)
        await self._acknowledged(owned)
        for key, state in states.items():
            owned.table.put(key, state)

    async def _expire(self, owned: OwnedPartition, now: int) -> None:
        expired = {}
        for key, state in owned.table.expiring(now, _AT_ONCE):
            marked = expire(state, now, self._lifetimes)
            if marked is not state:
                expired[key] = marked
        for key, state in expired.items():
            publish_sessions(self._outbox, session_key_of(key), state.changed())
        await self._acknowledged(owned)
        await self._remember(owned, expired)

    async def _forget(self, owned: OwnedPartition, log_time: int) -> None:
        shortened = {}
        for key, state in owned.table.forgetting(log_time, _AT_ONCE):
            identified = bool(session_key_of(key).session_id)
            known = remember(state, log_time, self._lifetimes, identified=identified)
            if known == SessionsState():
                headers = deletion(state.version)
                self._outbox.produce(self._changelog, None, key, headers, owned.source.partition)
                owned.table.put(key, known)
            elif known is not state:
                shortened[key] = known
        await self._remember(owned, shortened)

    async def _acknowledged(self, owned: OwnedPartition) -> None:
        await self._outbox.drain()
        if self._owned.get(owned.source.partition) is not owned:
            raise PartitionLostError(f"{owned.source} was let go while its boundaries were paired")


def _of_distinct_keys(records: Iterable[LogRecord]) -> Iterator[list[LogRecord]]:
    run: list[LogRecord] = []
    keys: set[bytes | None] = set()
    for record in records:
        if record.key in keys:
            yield run
            run, keys = [], set()
        run.append(record)
        keys.add(record.key)
    if run:
        yield run
