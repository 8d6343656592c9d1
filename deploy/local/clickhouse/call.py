"""What an HTTP request asks of ClickHouse, read from its method, URL and headers; the body is not touched."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from deploy.local.clickhouse.compression import choose_encoding
from deploy.local.clickhouse.errors import QueryError

_PARAMETER: Final = "param_"
_MEGABYTE: Final = 1 << 20

# Parameters that are no settings: a server keeps them to itself (HTTPHandler of ClickHouse's source).
_OWN: Final = frozenset(
    (
        *("buffer_size", "client_protocol_version", "close_session", "compress", "database", "decompress"),
        *("default_format", "enable_http_compression", "password", "query", "query_id", "quota_key", "role"),
        *("session_check", "session_id", "session_timeout", "stacktrace", "user", "wait_end_of_query"),
    )
)
_EXTERNAL_TABLE_SUFFIXES: Final = ("_format", "_types", "_structure")


@dataclass(frozen=True, slots=True)
class Session:
    """The session a request belongs to; `timeout` in seconds; `must_exist` where the client insists."""

    session_id: str
    timeout: int
    must_exist: bool
    close_after: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A request without its body.

    `query` is the part of the SQL that stands in the URL; `parameters` are values for `{name:Type}` in
    ClickHouse's escaped text form, as they came; `buffered_bytes` is how much of the answer waits before its
    first byte goes out, None for all of it; `encoding` is the compression of the answer, empty for none;
    `origin` is the site of the web page that sends it, empty where no browser does.
    """

    query: bytes
    user: str
    password: str
    origin: str
    database: str
    default_format: str
    query_id: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    form: Mapping[str, str]
    is_read_only: bool
    buffered_bytes: int | None
    encoding: str
    session: Session | None


def read_call(method: str, query_string: str, headers: Mapping[str, str]) -> Call:
    """What a request asks for; `query_string` is as it stood in the URL.

    Raises:
        QueryError: the credentials or a number in it cannot be read.
    """
    # surrogateescape keeps bytes that are no UTF-8: SQL may hold any.
    pairs = parse_qsl(query_string, keep_blank_values=True, errors="surrogateescape")
    fields = dict(reversed(pairs))
    multipart = headers.get("Content-Type", "").startswith("multipart/form-data")
    user, password = _credentials(fields, headers)
    return Call(
        query=to_bytes(fields.get("query", "")),
        user=user,
        password=password,
        origin=headers.get("Origin", ""),
        database=headers.get("X-ClickHouse-Database") or fields.get("database", ""),
        default_format=headers.get("X-ClickHouse-Format") or fields.get("default_format", "TabSeparated"),
        query_id=fields.get("query_id") or headers.get("X-ClickHouse-Query-Id", ""),
        settings=_settings(pairs, _EXTERNAL_TABLE_SUFFIXES if multipart else ()),
        parameters=bound_parameters(pairs),
        form=fields,
        is_read_only=method in ("GET", "HEAD"),
        buffered_bytes=None if method == "HEAD" else _buffered_bytes(fields),
        encoding=_encoding(fields, headers),
        session=_session(fields),
    )


def to_bytes(text: str) -> bytes:
    """The bytes a text of the URL or a form stood for."""
    return text.encode("utf-8", "surrogateescape")


def bound_parameters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values for `{name:Type}` among the fields of a URL or form."""
    return {name.removeprefix(_PARAMETER): value for name, value in pairs if name.startswith(_PARAMETER)}


def _settings(pairs: Iterable[tuple[str, str]], skipped: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in pairs
        if name
        and name not in _OWN
        and not name.startswith(_PARAMETER)
        and not name.endswith(skipped or "\0")
    }


def _credentials(fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    named = headers.get("X-ClickHouse-User"), headers.get("X-ClickHouse-Key")
    authorization = headers.get("Authorization", "")
    if any(named):
        if authorization or "user" in fields or "password" in fields:
            raise _refused("the headers X-ClickHouse-User and X-ClickHouse-Key exclude other credentials")
        return named[0] or "default", named[1] or ""
    if authorization:
        if "user" in fields or "password" in fields:
            raise _refused("the header Authorization excludes the parameters user and password")
        return _basic(authorization)
    return fields.get("user", "default"), fields.get("password", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _refused(f"'{scheme}' HTTP Authorization scheme is not supported; use Basic")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _refused("the header Authorization holds no base64 of user:password") from None
    return user, password


def _refused(why: str) -> QueryError:
    return QueryError(516, "AUTHENTICATION_FAILED", f"Invalid authentication: {why}")


def _is_on(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "0").lower() in ("1", "true", "yes", "on")


def _buffered_bytes(fields: Mapping[str, str]) -> int | None:
    if _is_on(fields, "wait_end_of_query"):
        return None
    return max(_number(fields, "buffer_size", _MEGABYTE), 1)


def _encoding(fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if not _is_on(fields, "enable_http_compression"):
        return ""
    return choose_encoding(headers.get("Accept-Encoding", ""))


def _session(fields: Mapping[str, str]) -> Session | None:
    if not fields.get("session_id"):
        return None
    return Session(
        fields["session_id"],
        _number(fields, "session_timeout", 60),
        must_exist=_is_on(fields, "session_check"),
        close_after=_is_on(fields, "close_session"),
    )


def _number(fields: Mapping[str, str], name: str, default: int) -> int:
    text = fields.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise QueryError(
            72, "CANNOT_PARSE_NUMBER", f"The parameter {name} must be a whole number, not '{text}'"
        )
    return int(text)
