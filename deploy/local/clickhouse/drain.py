"""Requests under way, so that the server can end when they have."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Drain:
    """Counts the requests of handlers.

    aiohttp's own shutdown takes no more of a body that is on its way, so it must come after this.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._ending = False
        self._idle = asyncio.Event()
        self._idle.set()

    def counted(self, handler: Handler) -> Handler:
        """The same handler, its requests counted."""

        async def count(request: web.Request) -> web.StreamResponse:
            self._under_way += 1
            self._idle.clear()
            try:
                return await handler(request)
            finally:
                self._leave(request)

        return count

    async def finish(self, seconds: float) -> None:
        """Wait until no request is under way, for at most so long; each connection ends with its request."""
        self._ending = True
        await asyncio.wait([asyncio.ensure_future(self._idle.wait())], timeout=seconds)

    def _leave(self, request: web.Request) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()
        if self._ending:
            request.protocol.close()
