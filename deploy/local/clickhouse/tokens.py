"""ClickHouse SQL in tokens: enough to tell what stands in the text from what stands in its strings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    rb"""
      (?P<blank>   \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<string>  '(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<quoted>  "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` )
    | (?P<word>    [A-Za-z_][A-Za-z0-9_$]* )
    | (?P<number>  [0-9][A-Za-z0-9_.]* )
    | (?P<symbol>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPEN: Final = b"([{"
_CLOSE: Final = b")]}"
_UNTERMINATED: Final = (b"'", b'"', b"`")


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is neither blank nor comment; `depth` counts the brackets around it, not itself."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def keyword(self) -> bytes:
        """The word in capitals; empty where the token is no word."""
        return self.text.upper() if self.kind == "word" else b""

    @property
    def is_top(self) -> bool:
        """Whether the token stands outside all brackets."""
        return self.depth == 0


def tokens(text: bytes, start: int = 0) -> Iterator[Token]:
    """The tokens of `text`, lazily; they end where a string is not closed, for there all else is guessing."""
    depth = 0
    for match in _TOKEN.finditer(text, start):
        kind, token = match.lastgroup or "", match[0]
        if kind == "tag":
            kind = "string"
        if kind == "blank":
            continue
        if token in _UNTERMINATED:
            return
        if kind == "symbol" and token in _CLOSE:
            depth = max(depth - 1, 0)
        yield Token(kind, token, match.start(), match.end(), depth)
        if kind == "symbol" and token in _OPEN:
            depth += 1
