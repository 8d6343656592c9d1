"""JSON over HTTP within a deadline, through one connection pool a process.

httpx is imported when first needed: most publishers never are in need of it, and it is a third of the import.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from producers.errors import PublishError

if TYPE_CHECKING:
    import httpx


class _Pool:
    """One client for the whole process, made when first needed; a forked child makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        os.register_at_fork(after_in_child=self._forget)

    def client(self) -> "httpx.Client":
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client()
            return self._client

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._client = None


class _RemainingTime(dict[str, float]):
    """httpx's timeouts, each phase of a request getting what the ones before it left."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._deadline = time.monotonic() + seconds

    def get(self, phase: str, default: Any = None) -> float:  # noqa: ANN401, ARG002 - dict's
        return max(self._deadline - time.monotonic(), 0.001)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline


_pool = _Pool()


def get_json(url: str, headers: Mapping[str, str], timeout: float) -> Any:  # noqa: ANN401 - whatever JSON holds
    """GET a JSON document, following redirects.

    Raises:
        PublishError: no network, no success status, no JSON, or not within `timeout` seconds.
    """
    request = _request("GET", url, headers, timeout)
    return _json(request, _body(request, follow_redirects=True))


def post_json(url: str, headers: Mapping[str, str], content: bytes, timeout: float) -> Any:  # noqa: ANN401
    """POST a body and read the JSON document that answers it; errors as `get_json`."""
    request = _request("POST", url, headers, timeout, content)
    return _json(request, _body(request, follow_redirects=False))


def _request(
    method: str, url: str, headers: Mapping[str, str], timeout: float, content: bytes | None = None
) -> "httpx.Request":
    import httpx

    written = {name.encode(): value.encode() for name, value in headers.items()}
    try:
        return httpx.Request(
            method, url, headers=written, content=content, extensions={"timeout": _RemainingTime(timeout)}
        )
    except httpx.InvalidURL as error:
        raise ValueError(f"{url} is not a URL: {error}") from error


def _body(request: "httpx.Request", *, follow_redirects: bool) -> bytes:
    import httpx

    remaining: _RemainingTime = request.extensions["timeout"]
    where = f"{request.method} {request.url}"
    try:
        response = _pool.client().send(request, stream=True, follow_redirects=follow_redirects)
        try:
            if not response.is_success:
                raise PublishError(f"{where} answered {response.status_code} {response.reason_phrase}")
            return _read(response, remaining)
        finally:
            response.close()
    except httpx.HTTPError as error:
        raise PublishError(f"{where} failed: {error or type(error).__name__}") from error


def _read(response: "httpx.Response", remaining: _RemainingTime) -> bytes:
    import httpx

    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if remaining.is_over:
            raise httpx.ReadTimeout("the answer did not end in time")
    return bytes(body)


def _json(request: "httpx.Request", body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PublishError(f"{request.method} {request.url} answered no JSON: {body[:80]!r}") from error
