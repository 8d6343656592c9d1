"""FastAPI and Starlette: the middleware, and a request's project token as a dependency."""

from producers.asgi import RequestCounting
from producers.errors import MissingFrameworkError
from producers.outbox.tokens import ProjectTokenModel

try:
    from starlette.requests import HTTPConnection
except ImportError as error:
    raise MissingFrameworkError(
        "producers.fastapi needs Starlette, which comes with FastAPI: pip install fastapi"
    ) from error

__all__ = ["RequestCounting", "get_project_token"]


def get_project_token(request: HTTPConnection) -> ProjectTokenModel:
    """The request's token: `token: Annotated[ProjectTokenModel, Depends(get_project_token)]`.

    Raises:
        RuntimeError: the application lacks the middleware.
    """
    token = getattr(request.state, "project_token", None)
    if not isinstance(token, ProjectTokenModel):
        raise RuntimeError("no project token: add the middleware, app.add_middleware(RequestCounting)")
    return token
