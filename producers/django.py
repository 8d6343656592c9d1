"""Django middleware that makes every request's project token, for WSGI and ASGI.

In settings.py:

    MIDDLEWARE = [..., "producers.django.RequestCounting"]
    METERSTREAM_FIND_PROJECT = "shop.projects.find_project"  # from a request to a ProjectReference or None
"""

from collections.abc import Awaitable, Callable
from typing import Any

from producers.errors import MissingFrameworkError, PermissionDenied
from producers.outbox.tokens import ProjectReference, ProjectTokenModel
from producers.request_source import AI_CONTEXT_HEADER, SDK_SOURCE_HEADER, token_context
from producers.settings import current_settings

try:
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
    from django.utils.module_loading import import_string
except ImportError as error:
    raise MissingFrameworkError("producers.django needs Django: pip install django") from error

Request = Any
Response = Any
FindProject = Callable[[Request], ProjectReference | None]


class RequestCounting:
    """Gives each request the token that `get_project_token` finds and add_job_to_queue_for_token takes.

    Its context has the request's source, and `should_count` false for internal requests. Where counting
    raises PermissionDenied and no view handles it, the answer is Django's own 403.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Request], Response | Awaitable[Response]]) -> None:
        self._get_response = get_response
        path = getattr(settings, "METERSTREAM_FIND_PROJECT", None)
        self._find_project: FindProject | None = import_string(path) if path else None
        self._internal_ports = current_settings().internal_ports
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """Handle one request; where Django runs asynchronously the response is awaited by Django."""
        request.project_token = self._token(request)
        return self._get_response(request)

    def process_exception(self, _request: Request, raised: Exception) -> None:
        """Say Django's PermissionDenied where this package's was raised."""
        if isinstance(raised, PermissionDenied):
            raise DjangoPermissionDenied(str(raised)) from raised

    def _token(self, request: Request) -> ProjectTokenModel:
        port = str(request.get_port())
        context = token_context(
            request.headers.get(SDK_SOURCE_HEADER),
            request.headers.get(AI_CONTEXT_HEADER),
            int(port) if port.isdecimal() else None,
            self._internal_ports,
        )
        reference = self._find_project(request) if self._find_project is not None else None
        return ProjectTokenModel(reference=reference, context=context)


def get_project_token(request: Request) -> ProjectTokenModel:
    """The request's token.

    Raises:
        ImproperlyConfigured: the middleware is missing.
    """
    token = getattr(request, "project_token", None)
    if not isinstance(token, ProjectTokenModel):
        raise ImproperlyConfigured('no project token: add "producers.django.RequestCounting" to MIDDLEWARE')
    return token
