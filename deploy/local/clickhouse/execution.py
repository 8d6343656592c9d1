"""Runs what a request asks for: finds the SQL, has a connection lent for it, and hands on data and rows."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from deploy.local.clickhouse.call import Call
from deploy.local.clickhouse.compression import Compressor, compressor
from deploy.local.clickhouse.connection import Tally
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.inserts import insert, insert_at_once, load_table
from deploy.local.clickhouse.lending import Lease, Lender
from deploy.local.clickhouse.rows import Answer, rows
from deploy.local.clickhouse.statement import Insert, read_insert, read_statement
from deploy.local.clickhouse.threads import EngineThreads

_HEAD_BYTES: Final = 1 << 18
"""How much of a body is searched for an INSERT's data: ClickHouse's own limit of a query's size."""


@dataclass(frozen=True, slots=True)
class Request:
    """What comes to be run: the SQL is `call.query`, a newline and the body; `tables` are a form's files."""

    call: Call
    body: AsyncIterator[bytes]
    tables: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of it: the answer's body, compressed as asked; `packer` is what compresses it."""

    output_format: str | None
    pieces: AsyncIterator[bytes]
    packer: Compressor
    tally: Tally


class Execution:
    """Runs requests on an engine's threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lender = Lender(engine)
        self._threads = EngineThreads()

    @asynccontextmanager
    async def outcome(self, request: Request) -> AsyncIterator[Outcome]:
        """The outcome of a request; its connection lives as long as the block.

        Raises:
            QueryError: ClickHouse refuses the request.
        """
        text, asked = await _read_head(request)
        lease = await self._threads.run(self._lender.lend, request.call)
        try:
            answer = await self._answer(lease, text, asked, request)
            packer = compressor(request.call.encoding)
            pieces = self._threads.each(_packed(answer.pieces, packer))
            yield Outcome(answer.output_format, pieces, packer, answer.tally)
        finally:
            await self._threads.run(self._lender.take_back, lease, request.call)

    async def cancel(self, call: Call) -> None:
        """End what the call's statement still does."""
        await self._threads.run(self._engine.cancel, call.query_id)

    async def _answer(self, lease: Lease, text: bytes, asked: Insert | None, request: Request) -> Answer:
        if asked is None:
            text = b"".join([text, *[piece async for piece in request.body]])
            return await self._threads.run(self._statement, lease, text, request)
        if asked.input_at is None and not (request.call.parameters and asked.data_format == "Values"):
            data = _behind(text[asked.data_start :], request.body)
            tally = await insert(self._threads, lease.connection, asked, data, self._engine.scratch)
        else:
            text = b"".join([text, *[piece async for piece in request.body]])
            tally = await self._threads.run(
                insert_at_once, lease.connection, asked, text, self._engine.scratch
            )
        return Answer(None, iter(()), tally)

    def _statement(self, lease: Lease, text: bytes, request: Request) -> Answer:
        statement = read_statement(text)
        call = request.call
        for name, content in request.tables.items():
            load_table(lease.connection, name, content, call.form, self._engine.scratch)
        answer = rows(lease.connection, statement, call.default_format, call.settings, self._engine.scratch)
        return Answer(
            answer.output_format, _carrying(answer.pieces, lease, statement.keyword, call), answer.tally
        )


def _carrying(pieces: Iterator[bytes], lease: Lease, keyword: bytes, call: Call) -> Iterator[bytes]:
    yield from pieces
    lease.carry(keyword, call)


def _packed(pieces: Iterator[bytes], packer: Compressor) -> Iterator[bytes]:
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


async def _read_head(request: Request) -> tuple[bytes, Insert | None]:
    """The text as far as to the data of an INSERT at least, and that INSERT."""
    text = request.call.query + b"\n" if request.call.query else b""
    asked = read_insert(text)
    while asked is None and len(text) < _HEAD_BYTES:
        piece = await anext(request.body, None)
        if piece is None:
            break
        text += piece
        asked = read_insert(text)
    return text, asked


async def _behind(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in others:
        yield piece
