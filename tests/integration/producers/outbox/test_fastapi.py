"""Counting requests in a FastAPI application."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient

from producers.fastapi import RequestCounting, get_project_token
from producers.outbox import (
    Counts,
    ProjectReference,
    ProjectTokenModel,
    Queue,
    aadd_job_to_queue_for_token,
    add_job_to_queue_for_token,
)
from producers.settings import current_settings


def find_project(scope: Any) -> ProjectReference | None:
    """The key of the query string is the project's number."""
    _, _, project = scope["query_string"].decode().partition("key=")
    return ProjectReference(organization_id=7, project_id=int(project)) if project else None


async def find_project_slowly(scope: Any) -> ProjectReference | None:
    return find_project(scope)


def application(**middleware: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(RequestCounting, **middleware)

    @app.get("/maps")
    def maps(request: Request) -> str:
        add_job_to_queue_for_token(request.state.project_token, "MAPS", "load")
        return "map"

    @app.get("/stores")
    async def stores(token: Annotated[ProjectTokenModel, Depends(get_project_token)]) -> str:
        await aadd_job_to_queue_for_token(token, "STORES", "import", count=435)
        return "stores"

    return app


@pytest.fixture
def client(default_outbox: Queue) -> Iterator[TestClient]:
    assert default_outbox.counts() == Counts()
    with TestClient(application(find_project=find_project)) as made:
        yield made


def _counted(queue: Queue) -> list[tuple[str, int, str | None]]:
    jobs = [job.data for job in queue.take(100)]
    return [(f"{job['product']}.{job['kind']}", job["counter"], job["source"]) for job in jobs]


def test_each_request_is_counted_with_its_source(client: TestClient, default_outbox: Queue) -> None:
    assert client.get("/maps?key=12", headers={"X-SDK-Source": "js-sdk"}).json() == "map"
    assert client.get("/maps?key=12", headers={"AI-Context": "true"}).json() == "map"
    assert client.get("/stores?key=12").json() == "stores"
    assert _counted(default_outbox) == [
        ("MAPS.load", 1, "js-sdk"),
        ("MAPS.load", 1, "ai"),
        ("STORES.import", 435, None),
    ]


def test_a_job_names_the_requests_project(client: TestClient, default_outbox: Queue) -> None:
    client.get("/maps?key=12")
    [job] = default_outbox.take()
    assert job.data["organization"] == {"pk": 7, "project_pk": 12}


def test_an_internal_request_is_served_and_not_counted(default_outbox: Queue) -> None:
    app = application(find_project=find_project)
    with TestClient(app, base_url="http://service:8000") as internal:
        assert internal.get("/maps?key=12").json() == "map"
    with TestClient(app, base_url="http://service:8001") as other:
        assert other.get("/maps?key=12").json() == "map"
    assert default_outbox.counts() == Counts(todo=1)


def test_a_client_cannot_make_its_request_internal(client: TestClient, default_outbox: Queue) -> None:
    client.get("/maps?key=12", headers={"Host": "testserver:8000", "X-Forwarded-Port": "8000"})
    assert default_outbox.counts() == Counts(todo=1)


def test_which_ports_are_internal_can_be_set(default_outbox: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERSTREAM_INTERNAL_PORTS", "[9000]")
    current_settings.cache_clear()
    app = application(find_project=find_project)
    for port in (8000, 9000):
        with TestClient(app, base_url=f"http://service:{port}") as client:
            client.get("/maps?key=12")
    assert default_outbox.counts() == Counts(todo=1)


def test_a_request_of_no_project_is_forbidden(client: TestClient, default_outbox: Queue) -> None:
    response = client.get("/maps")
    assert (response.status_code, response.json()) == (403, {"detail": "Forbidden"})
    assert default_outbox.counts() == Counts()


def test_finding_the_project_may_be_a_coroutine(default_outbox: Queue) -> None:
    with TestClient(application(find_project=find_project_slowly)) as client:
        assert client.get("/maps?key=12").status_code == 200
    assert default_outbox.counts() == Counts(todo=1)


def test_an_application_may_authenticate_later(default_outbox: Queue) -> None:
    app = FastAPI()
    app.add_middleware(RequestCounting)

    def authenticate(request: Request, key: int) -> ProjectTokenModel:
        token: ProjectTokenModel = request.state.project_token
        return token.of_project(ProjectReference(organization_id=7, project_id=key))

    @app.get("/maps")
    def maps(token: Annotated[ProjectTokenModel, Depends(authenticate)]) -> str:
        add_job_to_queue_for_token(token, "MAPS", "load")
        return "map"

    with TestClient(app) as client:
        client.get("/maps?key=12", headers={"X-SDK-Source": "js-sdk"})
    assert _counted(default_outbox) == [("MAPS.load", 1, "js-sdk")]


def test_an_application_without_the_middleware_is_told_so() -> None:
    app = FastAPI()

    @app.get("/maps")
    def maps(token: Annotated[ProjectTokenModel, Depends(get_project_token)]) -> str:
        return str(token)

    with TestClient(app) as client, pytest.raises(RuntimeError, match="add the middleware"):
        client.get("/maps")


def test_the_asgi_middleware_needs_no_framework_and_producers_fastapi_names_the_one_it_needs() -> None:
    program = (
        "import sys\n"
        "sys.modules['starlette'] = sys.modules['fastapi'] = None\n"
        "import producers.asgi\n"
        "from producers import ProducerError\n"
        "try:\n"
        "    import producers.fastapi\n"
        "except ImportError as error:\n"
        "    print(isinstance(error, ProducerError), error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("True producers.fastapi needs Starlette")
