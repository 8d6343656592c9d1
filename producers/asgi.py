"""ASGI middleware that makes every request's project token: for FastAPI, Starlette, and whatever speaks ASGI.

It needs none of them installed.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from producers.errors import PermissionDenied
from producers.outbox.tokens import ProjectReference, ProjectTokenModel
from producers.request_source import AI_CONTEXT_HEADER, SDK_SOURCE_HEADER, token_context
from producers.settings import current_settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
FindProject = Callable[[Scope], ProjectReference | Awaitable[ProjectReference | None] | None]
"""Says whose a request is, from its scope; None: nobody's. It may be a coroutine function."""

_FORBIDDEN: Final = 403


class RequestCounting:
    """Gives each request `request.state.project_token`, which add_job_to_queue_for_token takes.

    Its context has the request's source, and `should_count` false for internal requests. Where counting
    raises PermissionDenied and nobody handles it, the answer is 403.
    """

    def __init__(
        self,
        app: Application,
        find_project: FindProject | None = None,
        internal_ports: Collection[int] | None = None,
    ) -> None:
        """Wrap an application: `app.add_middleware(RequestCounting, find_project=...)`.

        Args:
            app: the application.
            find_project: whose a request is; None: the application says so later, by
                `request.state.project_token = request.state.project_token.of_project(...)`.
            internal_ports: of the server; None: METERSTREAM_INTERNAL_PORTS (8000).
        """
        self._app = app
        self._find_project = find_project
        self._internal_ports = current_settings().internal_ports if internal_ports is None else internal_ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["project_token"] = await self._token(scope)
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except PermissionDenied:
            if answer.is_begun or scope["type"] != "http":
                raise
            await answer.forbid()

    async def _token(self, scope: Scope) -> ProjectTokenModel:
        context = token_context(
            _header(scope, SDK_SOURCE_HEADER),
            _header(scope, AI_CONTEXT_HEADER),
            (scope.get("server") or (None, None))[1],
            self._internal_ports,
        )
        found = self._find_project(scope) if self._find_project is not None else None
        if inspect.isawaitable(found):
            found = await found
        return ProjectTokenModel(reference=found, context=context)


class _Answer:
    """What an application sends, and whether it has begun to."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_begun = False

    async def send(self, message: Message) -> None:
        self.is_begun = True
        await self._send(message)

    async def forbid(self) -> None:
        headers = [(b"content-type", b"application/json")]
        await self._send({"type": "http.response.start", "status": _FORBIDDEN, "headers": headers})
        await self._send({"type": "http.response.body", "body": b'{"detail":"Forbidden"}'})


def _header(scope: Scope, name: str) -> str | None:
    for key, value in scope["headers"]:
        if key.lower() == name.encode():
            return str(value.decode("latin-1"))
    return None
