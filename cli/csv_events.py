"""CSV rows as usage events. Nothing here does I/O: rows come from an iterable of lines."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from cli.errors import CsvError, MomentError
from cli.moments import utc_ms
from schemas import EARLIEST_TIMESTAMP_MS, MAX_ID_BYTES, MAX_TIMESTAMP_AHEAD_MS

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
"""A whole number within 64 bits, written in the one way it has."""
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which columns are what; `properties` maps a property's name to its column.

    `customer` None: the tenant is the customer.
    """

    event_name: str
    tenant: str
    timestamp: str
    customer: str | None
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the file: its number among the data rows, the line it ends on, its text and its cells."""

    number: int
    line: int
    text: str
    cells: list[str]


def read_rows(lines: Iterable[str]) -> tuple[list[str], Iterator[Row]]:
    """The header and the rows below it; blank lines are skipped.

    Raises:
        CsvError: no header, or, while rows are taken, a row with more or fewer cells or broken quotes.
    """
    seen: list[str] = []
    reader = csv.reader(_remembered(lines, seen), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num}: is not CSV: {error}") from error
    if not header:
        raise CsvError("line 1: is empty: the first line names the columns")
    return header, _rows(reader, seen, len(header))


def choose_columns(
    header: list[str], timestamp: str, customer: str | None, properties: Mapping[str, str]
) -> dict[str, str]:
    """The properties to send; without any given, every column that is neither timestamp nor customer.

    Such a property is named as its column, in snake_case: ContextTokens is context_tokens.

    Raises:
        CsvError: a column that the header does not have or has twice; two columns that get one name.
    """
    for column in (timestamp, *([] if customer is None else [customer]), *properties.values()):
        if header.count(column) != 1:
            state = "stands twice in" if column in header else "is not in"
            raise CsvError(f"line 1: the column {column!r} {state} the header, which is: {', '.join(header)}")
    if properties:
        return dict(properties)
    return _all_others([column for column in header if column not in (timestamp, customer)])


def snake_case(column: str) -> str:
    """The name of a column as a property: ContextTokens, Context Tokens and context-tokens are one."""
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3_\2", column)
    return re.sub(r"\W+", "_", words).strip("_").lower()


def events(
    rows: Iterable[Row], header: list[str], mapped: Mapped, base_name: str, now_ms: int
) -> Iterator[dict[str, Any]]:
    """The event of each row, in the fields of schemas.UsageEvent.

    Its id derives from the event name, the file's base name, the row's number and the row's text, so that the
    same file always gives the same ids. An empty cell is no property. A whole number is sent as a number,
    every other text as it stands: a numeric text counts exactly as the number it writes.

    Raises:
        CsvError: a timestamp that is none, before 2000 or over a day after `now_ms`; a customer that is none.
    """
    positions = {name: header.index(column) for name, column in mapped.properties.items()}
    timestamp = header.index(mapped.timestamp)
    customer = None if mapped.customer is None else header.index(mapped.customer)
    for row in rows:
        cells = row.cells
        yield {
            "event_id": event_id(mapped.event_name, base_name, row),
            "tenant_id": mapped.tenant,
            "event_name": mapped.event_name,
            "customer_id": mapped.tenant
            if customer is None
            else _customer(cells[customer], mapped.customer, row),
            "timestamp": _timestamp(cells[timestamp], mapped.timestamp, row, now_ms),
            "properties": {
                name: _value(cells[position]) for name, position in positions.items() if cells[position]
            },
        }


def event_id(event_name: str, base_name: str, row: Row) -> str:
    """128 bits in hexadecimal that stand for this row of this file."""
    identity = json.dumps([event_name, base_name, row.number, row.text]).encode()
    return blake2b(identity, digest_size=_ID_BYTES).hexdigest()


def _remembered(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line


def _rows(reader: Any, seen: list[str], width: int) -> Iterator[Row]:  # noqa: ANN401 - csv's reader has no name
    number = 0
    while True:
        seen.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CsvError(f"line {reader.line_num}: is not CSV: {error}") from error
        if cells is None:
            return
        if not cells:
            continue
        number += 1
        if len(cells) != width:
            raise CsvError(
                f"line {reader.line_num}: has {len(cells)} cells where the header has {width}: "
                "put cells that hold a comma in double quotes"
            )
        # Line ends differ between copies of one file; they are no part of a row's text.
        yield Row(number, reader.line_num, "".join(seen).rstrip("\r\n"), cells)


def _all_others(columns: list[str]) -> dict[str, str]:
    properties = {snake_case(column): column for column in columns}
    if len(properties) < len(columns) or "" in properties:
        raise CsvError(
            f"line 1: the columns {', '.join(columns)} give no different names in snake_case: "
            "name them with --property name=Column"
        )
    return properties


def _timestamp(cell: str, column: str, row: Row, now_ms: int) -> int:
    try:
        moment = utc_ms(cell.strip())
    except MomentError as error:
        raise CsvError(f"line {row.line}: column {column}: {error}") from error
    if moment < EARLIEST_TIMESTAMP_MS:
        raise CsvError(
            f"line {row.line}: column {column}: {cell} lies before 2000: give milliseconds, not seconds"
        )
    if moment > now_ms + MAX_TIMESTAMP_AHEAD_MS:
        raise CsvError(
            f"line {row.line}: column {column}: {cell} lies over a day ahead: no meter would count it"
        )
    return moment


def _customer(cell: str, column: str | None, row: Row) -> str:
    if not cell.strip():
        raise CsvError(f"line {row.line}: column {column}: is empty: every row needs a customer")
    if len(cell.encode()) > MAX_ID_BYTES:
        raise CsvError(f"line {row.line}: column {column}: is longer than {MAX_ID_BYTES} bytes")
    return cell


def _value(cell: str) -> str | int:
    return int(cell) if _WHOLE.fullmatch(cell) else cell
