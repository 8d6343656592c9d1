"""The compressions HTTP clients of ClickHouse use, piece by piece.

lz4 and zstd are used where their packages are installed; zstd also comes with Python 3.14.
"""

import sys
import zlib
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Protocol

from deploy.local.clickhouse.errors import QueryError

_GZIP_WINDOW: Final = 31
_ANY_WINDOW: Final = 47
_FAST: Final = 1


class Compressor(Protocol):
    """Takes pieces, gives compressed ones; `flush` gives the last."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Decompressor(Protocol):
    """Takes compressed pieces, gives plain ones; `finish` says that all came."""

    def decompress(self, data: bytes, /) -> bytes: ...
    def finish(self) -> None: ...


class Plain:
    """No compression, in both directions."""

    def compress(self, data: bytes, /) -> bytes:
        return data

    def decompress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""

    def finish(self) -> None:
        pass


class _Lz4Compressor:
    def __init__(self, module: ModuleType) -> None:
        self._compressor: Any = module.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes, /) -> bytes:
        return self._begin() + bytes(self._compressor.compress(data))

    def flush(self) -> bytes:
        return self._begin() + bytes(self._compressor.flush())

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return bytes(self._compressor.begin())


class _Frames:
    """Decompresses one frame after another: some clients send each block of an INSERT as its own."""

    def __init__(self, encoding: str, open_frame: Callable[[], Any]) -> None:
        self._encoding = encoding
        self._open_frame = open_frame
        self._frame: Any = None

    def decompress(self, data: bytes, /) -> bytes:
        plain = []
        while data:
            if self._frame is None or self._frame.eof:
                self._frame = self._open_frame()
            try:
                plain.append(self._frame.decompress(data))
            except Exception as error:  # noqa: BLE001 - each of these packages has an error of its own
                raise self._broken(str(error)) from None
            data = self._frame.unused_data if self._frame.eof else b""
        return b"".join(plain)

    def finish(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise self._broken("it ends in the middle")

    def _broken(self, why: str) -> QueryError:
        detail = f"The body cannot be decompressed as its Content-Encoding '{self._encoding}' says: {why}"
        return QueryError(271, "CANNOT_DECOMPRESS", detail)


def _optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


_COMPRESSORS: Final[dict[str, Callable[[], Compressor]]] = {
    "gzip": lambda: zlib.compressobj(_FAST, wbits=_GZIP_WINDOW),
    "deflate": lambda: zlib.compressobj(_FAST),
}
_FRAMES: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=_ANY_WINDOW),
    "deflate": lambda: zlib.decompressobj(wbits=_ANY_WINDOW),
}
if _lz4 := _optional("lz4.frame"):
    _COMPRESSORS["lz4"] = partial(_Lz4Compressor, _lz4)
    _FRAMES["lz4"] = _lz4.LZ4FrameDecompressor
if _zstd := _optional("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"):
    _COMPRESSORS["zstd"] = partial(_zstd.ZstdCompressor, _FAST)
    _FRAMES["zstd"] = _zstd.ZstdDecompressor


def choose_encoding(accepted: str) -> str:
    """The first encoding of an Accept-Encoding header that we have; empty if none."""
    for offer in accepted.split(","):
        name, _, parameters = offer.strip().lower().partition(";")
        if name in _COMPRESSORS and parameters.replace(" ", "") not in ("q=0", "q=0.0"):
            return name
    return ""


def compressor(encoding: str) -> Compressor:
    """A compressor of an encoding that `choose_encoding` gave."""
    return _COMPRESSORS[encoding]() if encoding else Plain()


def decompressor(encoding: str) -> Decompressor:
    """A decompressor for a Content-Encoding header.

    Raises:
        QueryError: we do not have it.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return Plain()
    if name not in _FRAMES:
        known = ", ".join(sorted(_FRAMES))
        detail = f"Unknown compression method '{name}' in the header Content-Encoding. Use one of {known}"
        raise QueryError(89, "UNKNOWN_COMPRESSION_METHOD", detail)
    return _Frames(name, _FRAMES[name])
