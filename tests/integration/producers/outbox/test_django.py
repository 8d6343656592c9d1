"""Counting requests in a Django application, under WSGI and ASGI, and its database connections in workers."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from producers.django import RequestCounting, get_project_token
from producers.outbox import (
    Counts,
    JobData,
    ProjectReference,
    Queue,
    QueueConfig,
    ThreadPool,
    aadd_job_to_queue_for_token,
    add_job_to_queue_for_token,
)

Eventually = Callable[..., None]


def find_project(request: HttpRequest) -> ProjectReference | None:
    """The key of the query string is the project's number."""
    project = request.GET.get("key")
    return ProjectReference(organization_id=7, project_id=int(project)) if project else None


def maps(request: HttpRequest) -> HttpResponse:
    add_job_to_queue_for_token(get_project_token(request), "MAPS", "load")
    return HttpResponse("map")


async def stores(request: HttpRequest) -> HttpResponse:
    await aadd_job_to_queue_for_token(get_project_token(request), "STORES", "import", count=435)
    return HttpResponse("stores")


class Urls:
    """What Django asks a URL configuration for."""

    urlpatterns = (path("maps", maps), path("stores", stores))


# A database in memory is never closed by Django.
_DATABASE = str(Path(tempfile.mkdtemp()) / "django.sqlite3")

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _DATABASE, "CONN_MAX_AGE": 0}},
        MIDDLEWARE=["producers.django.RequestCounting"],
        ROOT_URLCONF=Urls,
        SECRET_KEY="of a test",
    )
    django.setup()


@pytest.fixture(autouse=True)
def found_projects(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "projects_of_the_test", sys.modules[__name__])
    with override_settings(METERSTREAM_FIND_PROJECT="projects_of_the_test.find_project"):
        yield


def _counted(queue: Queue) -> list[tuple[str, int, str | None]]:
    jobs = [job.data for job in queue.take(100)]
    return [(f"{job['product']}.{job['kind']}", job["counter"], job["source"]) for job in jobs]


def test_each_request_is_counted_with_its_source(default_outbox: Queue) -> None:
    client = Client()
    assert client.get("/maps?key=12", headers={"X-SDK-Source": "js-sdk"}).content == b"map"
    assert client.get("/maps?key=12", headers={"AI-Context": "true"}).content == b"map"
    assert client.get("/stores?key=12").content == b"stores"
    assert _counted(default_outbox) == [
        ("MAPS.load", 1, "js-sdk"),
        ("MAPS.load", 1, "ai"),
        ("STORES.import", 435, None),
    ]


@pytest.mark.asyncio
async def test_it_counts_under_asgi_too(default_outbox: Queue) -> None:
    client = AsyncClient()
    assert (await client.get("/stores?key=12", headers={"X-SDK-Source": "js-sdk"})).content == b"stores"
    assert (await client.get("/maps?key=12")).content == b"map"
    assert _counted(default_outbox) == [("STORES.import", 435, "js-sdk"), ("MAPS.load", 1, None)]


def test_a_job_names_the_requests_project(default_outbox: Queue) -> None:
    Client().get("/maps?key=12")
    [job] = default_outbox.take()
    assert job.data["organization"] == {"pk": 7, "project_pk": 12}


def test_an_internal_request_is_served_and_not_counted(default_outbox: Queue) -> None:
    assert Client().get("/maps?key=12", SERVER_PORT="8000").content == b"map"
    assert default_outbox.counts() == Counts()


def test_a_client_cannot_make_its_request_internal(default_outbox: Queue) -> None:
    Client().get("/maps?key=12", headers={"Host": "testserver:8000", "X-Forwarded-Port": "8000"})
    assert default_outbox.counts() == Counts(todo=1)


def test_a_request_of_no_project_is_forbidden(default_outbox: Queue) -> None:
    assert Client().get("/maps").status_code == 403
    assert default_outbox.counts() == Counts()


@pytest.mark.asyncio
async def test_a_request_of_no_project_is_forbidden_under_asgi(default_outbox: Queue) -> None:
    assert (await AsyncClient().get("/stores")).status_code == 403
    assert default_outbox.counts() == Counts()


def test_an_application_without_the_middleware_is_told_so() -> None:
    with pytest.raises(ImproperlyConfigured, match="MIDDLEWARE"):
        get_project_token(HttpRequest())


def test_an_application_may_authenticate_later() -> None:
    with override_settings(METERSTREAM_FIND_PROJECT=None):
        middleware = RequestCounting(lambda _request: HttpResponse("ok"))
    request: Any = HttpRequest()
    request.META["SERVER_NAME"], request.META["SERVER_PORT"] = "shop", "443"
    middleware(request)
    token = get_project_token(request).of_project(ProjectReference(organization_id=7, project_id=12))
    assert token.context.should_count
    assert token.reference == ProjectReference(organization_id=7, project_id=12)


def test_a_workers_old_database_connections_are_closed_around_each_job(
    queue: Queue, config: QueueConfig, eventually: Eventually
) -> None:
    seen: list[object] = []

    def handler(_job_id: str, _data: JobData | None) -> None:
        seen.append(connection.connection)  # what the job before it left open
        connection.ensure_connection()
        assert connection.connection is not None

    queue.put_many([{"n": 0}, {"n": 1}])
    pool = ThreadPool(1, handler, config)
    eventually(lambda: queue.counts() == Counts())
    assert pool.stop()
    assert seen == [None, None]


def test_a_missing_django_is_named() -> None:
    program = (
        "import sys\n"
        "sys.modules['django'] = None\n"
        "from producers import ProducerError\n"
        "try:\n"
        "    import producers.django\n"
        "except ImportError as error:\n"
        "    print(isinstance(error, ProducerError), error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("True producers.django needs Django: pip install django")


def test_a_django_that_was_imported_and_never_set_up_has_no_connections_to_close() -> None:
    program = (
        "import django.db\n"
        "from producers.outbox.django_connections import close_old_connections\n"
        "close_old_connections()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
