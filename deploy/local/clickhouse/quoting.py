"""Text as ClickHouse writes it: string literals, identifiers and the escapes of a parameter's value."""

import re
from typing import Final

_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED: Final = {
    b"b": b"\b",
    b"f": b"\f",
    b"r": b"\r",
    b"n": b"\n",
    b"t": b"\t",
    b"0": b"\0",
    b"a": b"\a",
    b"v": b"\v",
}


def literal(value: bytes) -> bytes:
    """The string literal of these bytes."""
    return b"'" + value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"


def identifier(name: str) -> bytes:
    """The name in backticks."""
    return b"`" + name.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").replace(b"`", b"\\`") + b"`"


def unescape(value: bytes) -> bytes:
    """The value that ClickHouse's escaped text form (that of TabSeparated) stands for."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), value)
