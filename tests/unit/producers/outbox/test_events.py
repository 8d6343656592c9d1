"""The usage event a job becomes."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from producers import InvalidEventError
from producers.event_encoder import EventEncoder
from producers.outbox import Job, KeyOrganizationModel, build_job_data
from producers.outbox.events import JobEncoder
from schemas import UsageEvent, message_key

PUT_MS = 1_767_225_600_000


def _encoded(data: Any, job_id: str = "job-1") -> tuple[str, bytes, dict[str, Any]]:
    event_id, key, value = JobEncoder().encode(Job(job_id, orjson.dumps(data), PUT_MS))
    UsageEvent.from_json(value)
    return event_id, key, json.loads(value)


def test_counted_requests_are_the_organizations_usage_by_project() -> None:
    organization = KeyOrganizationModel(pk=7, project_pk=12)
    job = build_job_data("MAPS", "load", organization, counter=3, timestamp=1_767_225_600.5, source="js-sdk")
    event_id, key, event = _encoded(job)
    assert (event_id, key) == ("job-1", message_key("7", "12"))
    assert (
        event.items()
        >= {
            "event_id": "job-1",
            "tenant_id": "7",
            "event_name": "MAPS.load",
            "customer_id": "12",
            "timestamp": 1_767_225_600_500,
            "properties": {"total_usage": 3, "product": "MAPS", "kind": "load"},
            "source": "js-sdk",
        }.items()
    )


def test_a_request_without_a_source_has_none() -> None:
    job = build_job_data("MAPS", "load", KeyOrganizationModel(pk=7, project_pk=1))
    assert not _encoded(job)[2].get("source")


def test_a_usage_event_without_id_and_time_has_the_jobs() -> None:
    event_id, _, event = _encoded({"tenant_id": "t", "customer_id": "c", "event_name": "pages"})
    assert event_id == event["event_id"] == "job-1"
    assert event["timestamp"] == PUT_MS


def test_a_whole_usage_event_is_published_as_it_was_put() -> None:
    amount = {"total_usage": Decimal("12345678901234567.89")}
    written = {"tenant_id": "t", "customer_id": "c", "event_name": "pages", "properties": amount}
    event_id, key, value = EventEncoder().encode(written)
    job = Job(event_id, value, PUT_MS, key=key)
    assert JobEncoder().encode(job) == (event_id, key, value)
    assert Decimal(job.data["properties"]["total_usage"]) == amount["total_usage"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"n": 1},
        {"product": "MAPS", "kind": "load", "organization": None, "counter": 1, "ts": 1.0},
        {"product": "MAPS", "kind": "load", "organization": {"pk": 1}, "counter": 1, "ts": 1_767_225_600.0},
        {"product": "M", "kind": "l", "organization": {"pk": 1, "project_pk": 1}, "counter": 1, "ts": "now"},
        {"product": "M", "kind": "l", "organization": {"pk": 1, "project_pk": 1}, "counter": 1, "ts": 1e300},
    ],
)
def test_data_of_no_usage_is_invalid(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        JobEncoder().encode(Job("job-1", orjson.dumps(data), PUT_MS))
