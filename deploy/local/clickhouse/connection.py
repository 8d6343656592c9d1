"""A connection to the engine: settings, values for parameters, and queries."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, ParamSpec, Self, TypeVar

from deploy.local.clickhouse.chdb_types import EngineResult, EngineRows, EngineSession
from deploy.local.clickhouse.errors import QueryError, engine_error
from deploy.local.clickhouse.quoting import identifier, literal, unescape

_SERVER_DIALECT: Final = {"implicit_select": "0"}
"""What chDB has switched on for its shell and a server has not."""
_P = ParamSpec("_P")
_T = TypeVar("_T")
_PIECE: Final = 1 << 20


@dataclass(slots=True)
class Tally:
    """What a statement has read and written so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    seconds: float = 0.0

    def add(self, result: EngineResult) -> None:
        """Count a result of the engine, or a piece of one."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.size()
        self.seconds += result.elapsed()


class EngineConnection:
    """A connection for one request; not for two threads at once."""

    def __init__(self, connection: EngineSession) -> None:
        self._connection = connection
        self._parameters: dict[str, str] = {}
        self._rows: EngineRows | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and the query whose rows were not all taken."""
        if self._rows is not None:
            self._rows.close()
        self._connection.close()

    def use(self, database: str) -> None:
        """Make `database` the one that tables named without one belong to."""
        self._query(b"USE " + identifier(database))

    def set(self, settings: Mapping[str, str]) -> None:
        """Set what a request sets; a value is a text as it may stand in a URL.

        Raises:
            QueryError: a setting is not known (115), or cannot have its value.
        """
        assignments = []
        for name, value in {**_SERVER_DIALECT, **settings}.items():
            if not name.isidentifier():
                raise QueryError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
            assignments.append(name.encode() + b" = " + literal(_bytes(value)))
        self._query(b"SET " + b", ".join(assignments))

    def bind(self, parameters: Mapping[str, str]) -> None:
        """Give `{name:Type}` its values, which come in ClickHouse's escaped text form."""
        for name in parameters:
            if not name.isidentifier():
                raise QueryError(456, "UNKNOWN_QUERY_PARAMETER", f"'{name}' cannot name a query parameter")
        self._parameters = dict(parameters)
        if not all(_is_text(value) for value in parameters.values()):
            self._bind_by_set()

    def run(self, sql: bytes, tally: Tally) -> None:
        """Run a statement whose result nobody wants."""
        tally.add(self._query(sql))

    def whole(self, sql: bytes, output_format: str, tally: Tally) -> Iterator[bytes]:
        """Run a statement to its end, then give its result in pieces."""
        result = self._query(sql, output_format)
        tally.add(result)
        memory = result.get_memview()
        try:
            view = memory.view()
            for start in range(0, len(view), _PIECE):
                yield bytes(view[start : start + _PIECE])
        finally:
            memory.release()

    def stream(self, sql: bytes, output_format: str, tally: Tally) -> Iterator[bytes]:
        """Run a query and give its rows as they are found; what chDB cannot stream is given as by `whole`."""
        try:
            rows = self._rows = self._connection.send_query(sql, output_format, self._parameters)
        except Exception as error:  # noqa: BLE001 - the engine knows one error, and its text says which
            if "Streaming query is not supported" not in str(error):
                raise engine_error(str(error)) from None
            yield from self.whole(sql, output_format, tally)
            return
        while (piece := _ask(rows.fetch)) is not None:
            tally.add(piece)
            yield piece.bytes()

    def _bind_by_set(self) -> None:
        # For what chDB's own parameters cannot be: bytes that are no UTF-8.
        # A query with parameters of its own forgets those set before, so it is all of them or none.
        parameters, self._parameters = self._parameters, {}
        for name, value in parameters.items():
            text = _bytes(value)
            shown = b"NULL" if text == b"\\N" else literal(unescape(text))
            self._query(b"SET param_" + name.encode() + b" = " + shown)

    def _query(self, sql: bytes, output_format: str = "TabSeparated") -> EngineResult:
        return _ask(self._connection.query, sql, output_format, self._parameters)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ask(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    try:
        return function(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - the engine knows one error, and its text says which
        raise engine_error(str(error)) from None
