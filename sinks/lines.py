"""Rows that stand on their topics as JSON lines, made ready for ClickHouse's JSONEachRow."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from sinks.errors import RowsRefusedError
from sinks.source_records import SourceRecord

_CHUNK_TIMES: Final = ("first_append_time", "last_append_time")
_SESSION_TIMES: Final = ("started_at", "ended_at", "updated_at")


def rollup_lines(records: Sequence[SourceRecord]) -> bytes:
    """The lines as they are: ClickHouse parses them faster than Python could look at them.

    Raises:
        RowsRefusedError: a record has no line at all.
    """
    return b"\n".join(_values(records))


def chunk_lines(records: Sequence[SourceRecord]) -> bytes:
    """Accounting rows; raises RowsRefusedError for a line that is no JSON object."""
    return _with_times(records, _CHUNK_TIMES)


def session_lines(records: Sequence[SourceRecord]) -> bytes:
    """Session states; raises RowsRefusedError for a line that is no JSON object."""
    return _with_times(records, _SESSION_TIMES)


def _with_times(records: Sequence[SourceRecord], names: tuple[str, ...]) -> bytes:
    """Write epoch milliseconds as seconds with a fraction, which is how ClickHouse reads a DateTime64."""
    rows = [_parsed(line) for value in _values(records) for line in value.split(b"\n") if line.strip()]
    for row in rows:
        row |= {name: _seconds_text(row[name]) for name in names if row.get(name) is not None}
    return b"\n".join([_written(row) for row in rows])


def _values(records: Sequence[SourceRecord]) -> list[bytes]:
    """The records' values; ClickHouse would take one without a line for no row and say nothing."""
    values = [record.value for record in records if record.value and not record.value.isspace()]
    if len(values) < len(records):
        raise RowsRefusedError("a record without a line, where rows were expected")
    return values


def _written(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError as error:
        # It writes fewer levels than it reads.
        raise RowsRefusedError(f"cannot be written as JSON again: {error}") from error


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RowsRefusedError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RowsRefusedError(f"a JSON {type(row).__name__} where an object was expected")
    return row


def _seconds_text(milliseconds: object) -> str:
    if not isinstance(milliseconds, int):
        raise RowsRefusedError(f"the time {milliseconds!r} is not a whole number of milliseconds")
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds}.{rest:03d}"
