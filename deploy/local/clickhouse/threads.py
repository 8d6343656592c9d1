"""The threads on which the engine works, so that the server's own loop never waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MANY: Final = 64
_END: Final = b""


class EngineThreads:
    """As many as requests are served at once; more wait in the order they came."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MANY, thread_name_prefix="clickhouse")

    async def run(self, function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What `function` gives, worked out on a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: function(*arguments, **named))

    async def each(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces that are not empty, each worked out on a thread when it is asked for."""
        while (piece := await self.run(_next_piece, pieces)) is not None:
            yield piece


def _next_piece(pieces: Iterator[bytes]) -> bytes | None:
    return next((piece for piece in pieces if piece), None)
