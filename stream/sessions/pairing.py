"""One boundary at a time: decoded, applied, remembered, its rows sent; each step before the next.

The state is in the changelog before the first of its rows is sent, with the definitions they are counted by;
the rows are acknowledged before the boundary is. So a crash anywhere ends in the same rows: before the
changelog has the state, the boundary is applied anew; after it, it is a repeat, which sends the rows again.
"""

import asyncio
from typing import Protocol

from stream.core.definitions import DefinitionSet
from stream.core.log import LogRecord, Source
from stream.core.rejections import RejectedError
from stream.core.session_rows import count_changed, needs_definitions
from stream.core.session_state import SessionsState, decode_state, encode_state
from stream.core.sessions import apply, is_repeat
from stream.outbox import Outbox, publish_dead_letter
from stream.sessions.boundaries import Boundary, Position, decode_boundary, position_of
from stream.sessions.emitting import publish_changed


class Table(Protocol):
    """States by session key; `put` returns once the changelog has it."""

    def get(self, key: bytes) -> bytes | None: ...
    async def put(self, key: bytes, value: bytes) -> None: ...


class Definitions(Protocol):
    """What pairing asks of the `meter-definitions` topic; both block."""

    def end(self) -> int: ...
    def known_at(self, end: int) -> DefinitionSet: ...


class Pairing:
    """Pairs the boundaries of the partitions this worker owns."""

    def __init__(self, table: Table, definitions: Definitions, outbox: Outbox) -> None:
        self._table = table
        self._definitions = definitions
        self._outbox = outbox
        self._known_end = -1
        self._known = DefinitionSet(())

    async def take(self, record: LogRecord, source: Source) -> None:
        """Take one record of `session-boundaries`; returns when all that follows from it is acknowledged.

        Raises:
            StreamError: Something could not be read or sent; the record must not be acknowledged.
        """
        position = position_of(record, source)
        try:
            boundary = decode_boundary(record, position)
        except RejectedError as refusal:
            publish_dead_letter(self._outbox, record, position.source, position.offset, refusal)
        else:
            await self._apply(record, position, boundary)
        await self._outbox.drain()

    async def _apply(self, record: LogRecord, position: Position, boundary: Boundary) -> None:
        table_key = boundary.key.text.encode()
        state = decode_state(self._table.get(table_key))
        if not is_repeat(state, boundary.arrival):
            state = await self._changed(state, record, position, boundary)
            await self._table.put(table_key, encode_state(state))
        publish_changed(self._outbox, boundary.key, state)

    async def _changed(
        self, state: SessionsState, record: LogRecord, position: Position, boundary: Boundary
    ) -> SessionsState:
        """Apply a boundary, with its dead letters acknowledged: once it is remembered, none follow."""
        state, refusal = apply(state, boundary.arrival, identified=bool(boundary.key.session_id))
        if refusal is not None:
            publish_dead_letter(self._outbox, record, position.source, position.offset, refusal)
        definitions = await self._latest_definitions() if needs_definitions(state) else None
        state, meter_refusals = count_changed(state, boundary.key, definitions)
        for meter_id, meter_refusal in meter_refusals:
            publish_dead_letter(
                self._outbox, record, position.source, position.offset, meter_refusal, meter_id
            )
        await self._outbox.drain()
        return state

    async def _latest_definitions(self) -> DefinitionSet:
        end = await asyncio.to_thread(self._definitions.end)
        if end != self._known_end:
            self._known = await asyncio.to_thread(self._definitions.known_at, end)
            self._known_end = end
        return self._known
