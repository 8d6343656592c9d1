"""How an answer goes out: ClickHouse's headers, its summary, its errors before and after the first byte."""

import json
import secrets
import socket
import uuid
from dataclasses import dataclass
from typing import Final

from deploy.local.clickhouse.connection import Tally
from deploy.local.clickhouse.errors import QueryError

TIMEZONE: Final = "UTC"
"""Of the engine, which `__main__` sees to."""
_TEXT: Final = "text/plain; charset=UTF-8"
_CONTENT_TYPES: Final = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsonstrings": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "jsoncompacteachrow": "application/x-ndjson; charset=UTF-8",
    "xml": "application/xml; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnames": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
    "parquet": "application/octet-stream",
    "tabseparatedwithnames": "text/tab-separated-values; charset=UTF-8",
    "tabseparatedwithnamesandtypes": "text/tab-separated-values; charset=UTF-8",
}
_HOST: Final = socket.gethostname()
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Names:
    """What an exchange is known by; `exception_tag` frames an error that comes after data."""

    query_id: str
    exception_tag: str

    def headers(self) -> dict[str, str]:
        """What every answer carries, be it an error."""
        return {
            "X-ClickHouse-Query-Id": self.query_id,
            "X-ClickHouse-Server-Display-Name": _HOST,
            "X-ClickHouse-Timezone": TIMEZONE,
            "X-ClickHouse-Exception-Tag": self.exception_tag,
        }


def new_names() -> Names:
    """The names of a new exchange."""
    return Names(str(uuid.uuid4()), secrets.token_hex(8))


def outcome_headers(names: Names, output_format: str | None, encoding: str, tally: Tally) -> dict[str, str]:
    """The headers of an answer, with what has been done by now."""
    shown = {
        **names.headers(),
        "Content-Type": content_type(output_format),
        "X-ClickHouse-Summary": summary(tally),
    }
    if output_format is not None:
        shown["X-ClickHouse-Format"] = output_format
    if encoding:
        shown["Content-Encoding"] = encoding
    return shown


def error_headers(names: Names, error: QueryError) -> dict[str, str]:
    """The headers of an error."""
    return {**names.headers(), "Content-Type": _TEXT, "X-ClickHouse-Exception-Code": str(error.code)}


def content_type(output_format: str | None) -> str:
    """The media type of a format; plain text where there is none of its own."""
    return _CONTENT_TYPES.get((output_format or "").lower(), _TEXT)


def summary(tally: Tally) -> str:
    """X-ClickHouse-Summary: numbers as text, as ClickHouse gives them."""
    return json.dumps(
        {
            "read_rows": str(tally.read_rows),
            "read_bytes": str(tally.read_bytes),
            "written_rows": str(tally.written_rows),
            "written_bytes": str(tally.written_bytes),
            "total_rows_to_read": str(tally.read_rows),
            "result_rows": str(tally.result_rows),
            "result_bytes": str(tally.result_bytes),
            "elapsed_ns": str(int(tally.seconds * _NANOSECONDS)),
        },
        separators=(",", ":"),
    )


def error_text(error: QueryError, version: str) -> bytes:
    """The body of an error."""
    return f"{error} (version {version})\n".encode("utf-8", "replace")


def late_error(error: QueryError, version: str, tag: str) -> bytes:
    """An error behind data that went out already, framed by the tag the headers gave."""
    text = error_text(error, version)
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
        tag.encode(),
        text,
        len(text),
        tag.encode(),
    )
