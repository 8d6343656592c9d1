"""`usage`: what was counted, without SQL."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import DEFAULT_STATE_DIR, StateDir

if TYPE_CHECKING:
    from cli.usage_query import Asked

_NO_SUCH_TABLE: Final = frozenset({60, 81})
"""ClickHouse's codes UNKNOWN_TABLE and UNKNOWN_DATABASE."""
_SAYS_NOTHING: Final = {"environment_id": frozenset({"default"}), "group": frozenset({""})}
"""Columns that a table is better without when every row has one of these."""


def usage(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    meter: Annotated[str | None, typer.Option(help="Of this meter only.")] = None,
    customer: Annotated[str | None, typer.Option(help="Of this customer only.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Windows that start then or later.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Windows that start before.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many windows.")] = 1_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, decimals as text.")
    ] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Show what was counted, a row a window.

    Times are UTC; TIME is RFC 3339, or a date or a time without a zone, which is UTC.
    """
    from cli.moments import utc_ms
    from cli.usage_query import Asked

    asked = Asked(
        tenant,
        meter,
        customer,
        None if from_ is None else utc_ms(from_),
        None if to is None else utc_ms(to),
        limit,
    )
    found = _rows(asked, state_dir)
    shown = found[:limit][::-1]
    if as_json:
        _print_json(shown)
    elif shown:
        _print_table(shown)
    else:
        typer.echo("No usage was counted that fits.", err=True)
    if len(found) > limit:
        typer.echo(f"Older windows are left out: these are the newest {limit:,} (--limit).", err=True)


def _rows(asked: "Asked", state_dir: Path) -> list[Sequence[Any]]:
    from clickhouse_connect.driver.exceptions import DatabaseError

    from cli.addresses import clickhouse_address
    from cli.errors import QueryError
    from cli.usage_query import query
    from sinks.clickhouse import open_client, parse_url
    from sinks.errors import ClickHouseAwayError, SinkError

    endpoint = parse_url(clickhouse_address(state_dir))
    sql, parameters = query(asked)
    # What the driver logs of a failure is in its error too.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    try:
        client = open_client(endpoint, endpoint.database)
        return list(client.query(sql, parameters=parameters).result_rows)
    except (SinkError, DatabaseError) as error:
        if _code(error) in _NO_SUCH_TABLE:
            raise QueryError(
                f"the database {endpoint.database} has no view meter_usage: run `meterstream migrate`"
            ) from error
        if isinstance(error, ClickHouseAwayError):
            where = f"{endpoint.host}:{endpoint.port}"
            raise QueryError(f"no ClickHouse answers at {where}, is it up there? {error}") from error
        raise QueryError(f"ClickHouse refuses the query: {error}") from error


def _code(error: BaseException) -> int | None:
    return getattr(error, "code", None) or getattr(error.__cause__, "code", None)


def _print_table(rows: Sequence[Sequence[Any]]) -> None:
    from cli.tables import print_table
    from cli.usage_query import COLUMNS

    texts = [[_group(cell) if isinstance(cell, Mapping) else str(cell) for cell in row] for row in rows]
    # Terminals are narrow: what is the same everywhere and says nothing gives way to the ids.
    silent = {
        name
        for position, name in enumerate(COLUMNS)
        if {row[position] for row in texts} <= _SAYS_NOTHING.get(name, frozenset())
    }
    shown = [position for position, name in enumerate(COLUMNS) if name not in silent]
    print_table(
        [COLUMNS[position] for position in shown],
        [[row[position] for position in shown] for row in texts],
        right=frozenset({"value", "event_count"}),
    )


def _print_json(rows: Sequence[Sequence[Any]]) -> None:
    from cli.usage_query import COLUMNS

    for row in rows:
        typer.echo(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False))


def _group(group: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in group.items())
