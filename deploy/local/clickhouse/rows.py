"""The rows of a query in pieces, never all of them in memory at once."""

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.clickhouse.connection import EngineConnection, Tally
from deploy.local.clickhouse.quoting import literal
from deploy.local.clickhouse.statement import Statement

_PIECE: Final = 1 << 20

# Formats whose pieces, one after another, are the whole. Others have a head, a tail or a frame around all the
# rows, and chDB formats each piece of a stream as if it were alone; it also leaves out totals and extremes.
_PIECEWISE: Final = frozenset(
    (
        *(
            "csv",
            "jsoncompacteachrow",
            "jsoncompactstringseachrow",
            "jsoneachrow",
            "jsonlines",
            "native",
            "ndjson",
        ),
        *("jsonstringseachrow", "null", "rowbinary", "tabseparated", "tabseparatedraw", "tsv", "tsvraw"),
    )
)
_WRAPPING_SETTINGS: Final = frozenset(("extremes", "output_format_json_array_of_rows"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement answers: pieces of a body in a format, None for no body; `tally` grows with them."""

    output_format: str | None
    pieces: Iterator[bytes]
    tally: Tally


def rows(
    connection: EngineConnection,
    statement: Statement,
    default_format: str,
    settings: Mapping[str, str],
    scratch: Path,
) -> Answer:
    """What a statement answers; it runs when its first piece is asked for. `scratch` is for files."""
    tally = Tally()
    output_format = statement.output_format or default_format
    if not statement.gives_rows:
        pieces = connection.whole(statement.text, output_format, tally)
    elif comes_in_pieces(statement, output_format, settings):
        pieces = connection.stream(statement.text, output_format, tally)
    else:
        pieces = _through_a_file(connection, statement, output_format, tally, scratch)
    return Answer(output_format if statement.answers else None, pieces, tally)


def comes_in_pieces(statement: Statement, output_format: str, settings: Mapping[str, str]) -> bool:
    """Whether the rows may be sent as the engine finds them."""
    if statement.has_totals or _WRAPPING_SETTINGS & settings.keys():
        return False
    return output_format.lower() in _PIECEWISE


def _through_a_file(
    connection: EngineConnection, statement: Statement, output_format: str, tally: Tally, scratch: Path
) -> Iterator[bytes]:
    # A file of its own each, for chDB puts a new one in the place of one that is there.
    path = scratch / uuid.uuid4().hex
    try:
        connection.run(statement.into_file(literal(os.fsencode(path)), output_format), tally)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                tally.result_bytes += len(piece)
                yield piece
    finally:
        path.unlink(missing_ok=True)
