"""The connection to ClickHouse, and which of its errors speak of the rows and which of the moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]  # ships with clickhouse-connect, has no types of its own
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError
from urllib3.exceptions import HTTPError

from sinks.errors import ClickHouseAwayError, ClickHouseFailsError, InvalidUrlError, RowsRefusedError

_COMPRESS_FROM_BYTES: Final = 65_536

DATA_FAULTS: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        34,  # CANNOT_READ_MAP_FROM_TEXT
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        43,  # ILLEGAL_TYPE_OF_ARGUMENT
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        130,  # CANNOT_READ_ARRAY_FROM_TEXT
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        246,  # CORRUPTED_DATA
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        376,  # CANNOT_PARSE_UUID
        407,  # DECIMAL_OVERFLOW
        441,  # CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
        467,  # CANNOT_PARSE_BOOL
        469,  # VIOLATED_CONSTRAINT
    }
)
"""ClickHouse's codes for a fault of the rows. Any other error is one of the moment and is waited out."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The parts of a ClickHouse URL."""

    interface: str
    host: str
    port: int
    user: str
    password: str
    database: str


def parse_url(url: str) -> Endpoint:
    """Read http[s]://user:password@host:port/database; raises InvalidUrlError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise InvalidUrlError(f"starts with {parts.scheme or 'no scheme'!r}, not with http or https")
    if not parts.hostname:
        raise InvalidUrlError("names no host")
    database = unquote(parts.path.strip("/")) or "metering"
    if "`" in database or "/" in database:
        raise InvalidUrlError(f"names a database {database!r} with a character a database cannot have")
    return Endpoint(
        interface=parts.scheme,
        host=parts.hostname,
        port=parts.port or (8443 if parts.scheme == "https" else 8123),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database,
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's errors into RowsRefusedError, ClickHouseFailsError or ClickHouseAwayError."""
    try:
        yield
    except ClickHouseError as error:
        code = getattr(error, "code", None)
        if code in DATA_FAULTS or isinstance(error, DataError):
            raise RowsRefusedError(str(error)) from error
        if code is not None:
            raise ClickHouseFailsError(str(error)) from error
        raise ClickHouseAwayError(str(error)) from error
    except (HTTPError, OSError) as error:
        raise ClickHouseAwayError(f"{type(error).__name__}: {error}") from error


def open_client(endpoint: Endpoint, database: str) -> Client:
    """Open a client; raises ClickHouseAwayError where nobody answers."""
    with translated_errors():
        return clickhouse_connect.get_client(
            interface=endpoint.interface,
            host=endpoint.host,
            port=endpoint.port,
            username=endpoint.user,
            password=endpoint.password,
            database=database,
            connect_timeout=5,
            send_receive_timeout=60,
            autogenerate_session_id=False,
        )


class ClickHouse:
    """Inserts into one database; connects when first used, so that it may be away at the start."""

    def __init__(self, url: str) -> None:
        self._endpoint = parse_url(url)
        self._client: Client | None = None

    def insert_lines(self, table: str, lines: bytes) -> None:
        """Insert JSON objects, one a line, as they are; raises ClickHouseAwayError or RowsRefusedError."""
        with translated_errors():
            if len(lines) < _COMPRESS_FROM_BYTES:
                self._connected().raw_insert(table, insert_block=lines, fmt="JSONEachRow")
                return
            block: bytes = lz4.frame.compress(lines)
            self._connected().raw_insert(table, insert_block=block, fmt="JSONEachRow", compression="lz4")

    def insert_columns(
        self, table: str, names: Sequence[str], types: Sequence[str], columns: Sequence[Any]
    ) -> None:
        """Insert columns in Native format; raises ClickHouseAwayError or RowsRefusedError."""
        with translated_errors():
            self._connected().insert(
                table, columns, column_names=names, column_type_names=types, column_oriented=True
            )

    def _connected(self) -> Client:
        if self._client is None:
            self._client = open_client(self._endpoint, self._endpoint.database)
        return self._client
