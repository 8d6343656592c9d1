"""The HTTP server: lets in who may, has the request run, and sends what comes of it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from tempfile import SpooledTemporaryFile
from typing import Final

from aiohttp import web

from deploy.local.clickhouse.access import Access
from deploy.local.clickhouse.body import no_pieces, plain_pieces, read_form
from deploy.local.clickhouse.call import Call, bound_parameters, read_call, to_bytes
from deploy.local.clickhouse.drain import Drain
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.errors import QueryError, http_status
from deploy.local.clickhouse.execution import Execution, Outcome, Request
from deploy.local.clickhouse.reply import (
    Names,
    error_headers,
    error_text,
    late_error,
    new_names,
    outcome_headers,
)

log = logging.getLogger("clickhouse")

_IN_MEMORY: Final = 1 << 24
_PIECE: Final = 1 << 20
_WATCH_SECONDS: Final = 0.25
_LONGEST_LOGGED: Final = 600
_READONLY: Final = 164


class ClickHouseServer:
    """Serves an engine over HTTP as a ClickHouse server would."""

    def __init__(self, engine: Engine, access: Access) -> None:
        self._version = engine.version
        self._scratch = engine.scratch
        self._access = access
        self._execution = Execution(engine)

    def application(self, drain: Drain) -> web.Application:
        """The routes; `drain` counts the requests."""
        app = web.Application()
        app.router.add_get("/ping", _ok)
        app.router.add_get("/replicas_status", _ok)
        app.router.add_route("*", "/", drain.counted(self._serve))
        # The URL that clients are given names the database in its path: curl may use it as it stands.
        app.router.add_route("*", "/{database}", drain.counted(self._serve))
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        names = new_names()
        try:
            call = read_call(request.method, request.raw_path.partition("?")[2], request.headers)
            call = replace(call, database=call.database or request.match_info.get("database", ""))
            names = replace(names, query_id=call.query_id or names.query_id)
            if call.is_read_only and not call.query and not request.body_exists:
                return await _ok(request)
            self._access.check(call)
            asked = await _with_body(request, replace(call, query_id=names.query_id))
            async with self._watch(request, asked.call), self._execution.outcome(asked) as outcome:
                return await self._send(request, asked.call, outcome, names)
        except QueryError as error:
            return self._refuse(_explained(error, request.method), names)
        except ConnectionError:
            log.info("the client of query %s went away", names.query_id)
            return web.Response()
        except Exception as error:
            log.exception("a request failed in the server itself")
            return self._refuse(QueryError(1002, "UNKNOWN_EXCEPTION", repr(error)), names)

    async def _send(
        self, request: web.Request, call: Call, outcome: Outcome, names: Names
    ) -> web.StreamResponse:
        with SpooledTemporaryFile(_IN_MEMORY, dir=str(self._scratch)) as waiting:
            complete = await _fill(waiting, outcome.pieces, call.buffered_bytes)
            headers = outcome_headers(names, outcome.output_format, call.encoding, outcome.tally)
            response = web.StreamResponse(headers=headers)
            if complete:
                response.content_length = waiting.tell()
            else:
                response.enable_chunked_encoding()
            await response.prepare(request)
            waiting.seek(0)
            while request.method != "HEAD" and (piece := waiting.read(_PIECE)):
                await response.write(piece)
        if not complete:
            await self._send_rest(response, outcome, names)
        await response.write_eof()
        return response

    async def _send_rest(self, response: web.StreamResponse, outcome: Outcome, names: Names) -> None:
        try:
            async for piece in outcome.pieces:
                await response.write(piece)
        except QueryError as error:
            log.error("%s", _one_line(error))
            late = late_error(error, self._version, names.exception_tag)
            await response.write(outcome.packer.compress(late) + outcome.packer.flush())

    def _refuse(self, error: QueryError, names: Names) -> web.Response:
        log.error("%s", _one_line(error))
        return web.Response(
            status=http_status(error.code),
            body=error_text(error, self._version),
            headers=error_headers(names, error),
        )

    @contextlib.asynccontextmanager
    async def _watch(self, request: web.Request, call: Call) -> AsyncIterator[None]:
        """End the query when its client goes away, where the client asked for that."""
        if call.settings.get("cancel_http_readonly_queries_on_client_close") != "1":
            yield
            return
        watch = asyncio.create_task(self._cancel_when_gone(request, call))
        try:
            yield
        finally:
            watch.cancel()

    async def _cancel_when_gone(self, request: web.Request, call: Call) -> None:
        # aiohttp says so to a handler only by ending it, and an INSERT that is under way must not end so.
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - as said
            await asyncio.sleep(_WATCH_SECONDS)
        await self._execution.cancel(call)


async def _with_body(request: web.Request, call: Call) -> Request:
    if not request.content_type.startswith("multipart/form-data"):
        return Request(call, plain_pieces(request))
    form = await read_form(request)
    query = call.query + to_bytes(form.fields.get("query", ""))
    parameters = {**call.parameters, **bound_parameters(form.fields.items())}
    fields = {**call.form, **form.fields}
    return Request(replace(call, query=query, parameters=parameters, form=fields), no_pieces(), form.tables)


async def _fill(
    waiting: "SpooledTemporaryFile[bytes]", pieces: AsyncIterator[bytes], limit: int | None
) -> bool:
    """Take pieces until `limit` bytes are there, None for no limit; whether that was all of them."""
    async for piece in pieces:
        waiting.write(piece)
        if limit is not None and waiting.tell() >= limit:
            return False
    return True


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


def _explained(error: QueryError, method: str) -> QueryError:
    if error.code != _READONLY or method == "POST":
        return error
    return QueryError(
        error.code, error.name, f"{error.detail}. By {method} one can only read: use POST to change"
    )


def _one_line(error: QueryError) -> str:
    return " ".join(str(error).split())[:_LONGEST_LOGGED]
