"""A Django application that counts its requests and publishes the counts itself.

python django_app.py PORT TOPIC BROKERS
"""

import sys
from dataclasses import asdict

import django
from django.conf import settings
from django.core.servers.basehttp import run
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from producers.django import get_project_token
from producers.outbox import Drain, ProjectReference, Queue, UsagePublisher, add_job_to_queue_for_token

PORT, TOPIC, SERVERS = sys.argv[1:]


def find_project(request: HttpRequest) -> ProjectReference:
    """Whose request it is."""
    return ProjectReference(organization_id=7, project_id=request.META["QUERY_STRING"])


def maps(request: HttpRequest) -> HttpResponse:
    add_job_to_queue_for_token(get_project_token(request), "MAPS", "load")
    return HttpResponse("map")


def counts(_request: HttpRequest) -> HttpResponse:
    return JsonResponse(asdict(Queue().counts()))


urlpatterns = [path("maps", maps), path("counts", counts)]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    METERSTREAM_FIND_PROJECT="__main__.find_project",
    MIDDLEWARE=["producers.django.RequestCounting"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
)

if __name__ == "__main__":
    django.setup()
    Drain(publisher=UsagePublisher(SERVERS, topic=TOPIC, delivery_timeout=5))
    run("127.0.0.1", int(PORT), get_wsgi_application(), threading=True)
