"""What a request's SQL is: where the data of an INSERT begins, and what the rest needs to be run well.

The engine parses the SQL; this only reads what an HTTP server must know before the engine sees it. The rules
are those of ClickHouse's own INSERT parser (ParserInsertQuery).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.tokens import Token, tokens

_ROW_QUERIES: Final = (b"SELECT", b"WITH", b"FROM", b"(")
_SELECTING: Final = (b"SELECT", b"WITH", b"WATCH", b"EXPLAIN", b"TABLE")
_TELLING: Final = (
    b"SHOW",
    b"DESCRIBE",
    b"DESC",
    b"EXISTS",
    b"EXPLAIN",
    b"CHECK",
    b"KILL",
    b"BACKUP",
    b"RESTORE",
)
_INSERT_OPENING: Final = (b"INTO", b"TABLE", b"FUNCTION")


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose data follows its text.

    `statement` is the INSERT without FORMAT or VALUES; the data begins at byte `data_start` of the text.
    `input_at` is where the text calls `input(...)`, the table function that stands for the data; else None.
    """

    statement: bytes
    data_format: str
    data_start: int
    input_at: int | None = None

    def reading(self, path: bytes) -> bytes:
        """The same INSERT, taking its data from the file at `path`, a string literal."""
        stream = tokens(self.statement)
        found = (token for token, _ in _after_target(stream) if token.is_top and token.keyword == b"SETTINGS")
        settings = next(found, _END)
        place = settings.start if settings is not _END else len(self.statement)
        source = b" FROM INFILE " + path + b" "
        return (
            self.statement[:place] + source + self.statement[place:] + b" FORMAT " + self.data_format.encode()
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """Any other statement: its first word, the format it names itself, and what can be done with its rows.

    `tail` is where a clause INTO OUTFILE would stand: before FORMAT, else at the end.
    """

    text: bytes
    keyword: bytes
    output_format: str | None
    has_totals: bool
    writes: bool
    tail: int

    @property
    def gives_rows(self) -> bool:
        """Whether it is a query, which may give more rows than memory holds."""
        return self.keyword in _ROW_QUERIES and not self.writes

    @property
    def answers(self) -> bool:
        """Whether there is anything to be shown in a format, be it no rows."""
        return self.gives_rows or self.keyword in _TELLING

    def into_file(self, path: bytes, default_format: str) -> bytes:
        """The same query, writing what it would answer into the file at `path`, a string literal."""
        rest = self.text[self.tail :] if self.output_format else b"FORMAT " + default_format.encode()
        return self.text[: self.tail] + b" INTO OUTFILE " + path + b" " + rest


def read_insert(text: bytes) -> Insert | None:
    """The INSERT that `text` begins with, if its data follows; None for every other statement.

    Raises:
        QueryError: a semicolon stands where the data should begin.
    """
    stream = tokens(text)
    if next(stream, _END).keyword != b"INSERT":
        return None
    input_at, selecting = None, False
    for token, after in _after_target(stream):
        if token.keyword == b"INPUT" and after.text == b"(":
            input_at = token.start
        elif not token.is_top:
            continue
        elif token.keyword in _SELECTING or (token.keyword == b"FROM" and after.keyword == b"INFILE"):
            selecting = True
        elif token.keyword == b"VALUES" and not selecting:
            return Insert(text[: token.start], "Values", token.end)
        elif token.keyword == b"FORMAT" and after.kind == "word" and (input_at is not None or not selecting):
            return _with_format(text, token, after, input_at)
    return None


def read_statement(text: bytes) -> Statement:
    """What a statement without data is.

    Raises:
        QueryError: the text holds no statement or more than one, or asks to write a file of the server.
    """
    found = list(tokens(text))
    if not any(token.text != b";" for token in found):
        raise QueryError(62, "SYNTAX_ERROR", "Syntax error: the query is empty. Send one statement a request")
    _refuse_many(text, found)
    output_format, tail = None, max((token.end for token in found if token.text != b";"), default=0)
    for token, after in pairwise([*found, _END]):
        if token.is_top and token.keyword == b"INTO" and after.keyword == b"OUTFILE":
            raise QueryError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed over HTTP")
        if token.is_top and token.keyword == b"FORMAT" and after.kind == "word":
            output_format, tail = after.text.decode(), token.start
    first = found[0]
    words = {token.keyword for token in found}
    writes = any(token.is_top and token.keyword == b"INSERT" for token in found)
    return Statement(text, first.keyword or first.text, output_format, b"TOTALS" in words, writes, tail)


_END: Final = Token("end", b"", 0, 0, 0)


def _after_target(stream: Iterator[Token]) -> Iterator[tuple[Token, Token]]:
    """Pairs of neighbours from behind the table's name; a word behind a dot is a name, so it is left out."""
    target = next((token for token in stream if token.keyword not in _INSERT_OPENING), _END)
    previous, token = target, next(stream, _END)
    while token is not _END:
        after = next(stream, _END)
        if previous.text != b".":
            yield token, after
        previous, token = token, after


def _with_format(text: bytes, word: Token, name: Token, input_at: int | None) -> Insert:
    """The INSERT whose FORMAT clause is `word` and `name`; settings behind it go before it, as chDB wants."""
    settings = _settings_behind(text, name.end)
    statement = text[: word.start]
    end = name.end
    if settings is not None:
        statement += text[settings.start : settings.end]
        end = settings.end
    return Insert(statement, name.text.decode(), _data_start(text, end), input_at)


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int


def _settings_behind(text: bytes, position: int) -> _Span | None:
    """Where `SETTINGS a = 1, b = 'x'` stands, if it is the next thing in `text`."""
    stream = tokens(text, position)
    first = next(stream, _END)
    if first.keyword != b"SETTINGS":
        return None
    end = None
    while True:
        name, equals, value = (next(stream, _END) for _ in range(3))
        if name.kind != "word" or equals.text != b"=":
            return None if end is None else _Span(first.start, end)
        if value.text == b"-":
            value = next(stream, _END)
        end = value.end
        if next(stream, _END).text != b",":
            return _Span(first.start, end)


def _data_start(text: bytes, position: int) -> int:
    """Where the data begins: behind blanks and at most one end of line."""
    while text[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    if text[position : position + 1] == b";":
        raise QueryError(62, "SYNTAX_ERROR", "You have excessive ';' symbol before data for INSERT")
    if text[position : position + 1] == b"\r":
        position += 1
    return position + 1 if text[position : position + 1] == b"\n" else position


def _refuse_many(text: bytes, found: list[Token]) -> None:
    for token, after in pairwise(found):
        if token.text == b";" and token.is_top and after.text != b";":
            near = text[token.start : token.start + 80].decode(errors="replace")
            detail = (
                f"Syntax error (Multi-statements are not allowed): failed at position {token.start + 1} "
                f"(end of query): {near}. Send one statement a request"
            )
            raise QueryError(62, "SYNTAX_ERROR", detail)
