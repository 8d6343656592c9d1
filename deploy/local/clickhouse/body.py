"""The body of a request in plain pieces of a useful size, and what a form carries."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from aiohttp import BodyPartReader, web

from deploy.local.clickhouse.compression import decompressor

_PIECE: Final = 1 << 20


async def plain_pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces of about a megabyte.

    Raises:
        QueryError: the compression is unknown, or the body is not what it says.
    """
    unpack = decompressor(request.headers.get("Content-Encoding", ""))
    gathered = bytearray()
    async for chunk in request.content.iter_any():
        gathered += unpack.decompress(chunk)
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    unpack.finish()
    if gathered:
        yield bytes(gathered)


async def no_pieces() -> AsyncIterator[bytes]:
    """The body of a request that has none."""
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its fields, and the files that are tables of the query's own."""

    fields: dict[str, str] = field(default_factory=dict)
    tables: dict[str, bytes] = field(default_factory=dict)


async def read_form(request: web.Request) -> Form:
    """The multipart body of a request."""
    form = Form()
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read())
        if part.filename is None:
            form.fields[part.name] = content.decode("utf-8", "surrogateescape")
        else:
            form.tables[part.name] = content
    return form
