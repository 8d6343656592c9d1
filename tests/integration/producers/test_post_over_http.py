"""The post functions against a portal and a REST proxy."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest

from producers import post_ai_meter_usage, post_meter_usage

MOMENT = 1_759_791_552_000
STORED = (
    b'{"offsets": [{"partition": 0, "offset": 7, "error_code": null, "error": null}], "key_schema_id": null}'
)


def _call(web: Any, tenant: str, **more: Any) -> dict[str, Any]:
    return {"tenant_id": tenant, "device_id": "d-1", "meter_id": "pages", "kafka_url": web.url} | more


def test_a_proxy_gets_meter_libs_record_and_its_answer_is_returned(
    web: Any, fresh: Callable[[str], str]
) -> None:
    web.answer, tenant = STORED, fresh("t")
    result = post_meter_usage(
        **_call(web, tenant, total_usage=Decimal("0.10"), timestamp=MOMENT, api_key="k", metadata={"a": "b"})
    )
    [(method, path, headers, body)] = web.requests
    assert result == orjson.loads(STORED)
    assert (method, path) == ("POST", "/topics/usage-events")
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["content-type"] == "application/vnd.kafka.json.v2+json"
    assert (lower["x-tenant-id"], lower["x-device-id"], lower["authorization"]) == (tenant, "d-1", "Bearer k")
    [record] = orjson.loads(body)["records"]
    assert record["value"].pop("event_id")
    assert record["value"] == {
        "meter_id": "pages",
        "customer_id": tenant,
        "total_usage": 0.1,
        "event_time": MOMENT,
        "metadata": {"a": "b"},
        "tenant_id": tenant,
        "device_id": "d-1",
    }
    assert b'"total_usage":0.1,' in body


def test_a_boundary_goes_to_usage_events_as_an_ai_event(web: Any, fresh: Callable[[str], str]) -> None:
    web.answer = STORED
    assert post_ai_meter_usage(**_call(web, fresh("t"), start_time=MOMENT, end_time=MOMENT + 1)) is not None
    [(_, path, headers, body)] = web.requests
    [record] = orjson.loads(body)["records"]
    assert path == "/topics/usage-events"
    assert "authorization" not in {name.lower() for name in headers}
    assert record["value"]["ai_event"] is True
    assert (record["value"]["start_time"], record["value"]["end_time"]) == (MOMENT, MOMENT + 1)


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (503, b"{}", "503"),
        (302, b"{}", "302"),
        (200, b"<html>", "no JSON"),
        (200, b"[]", "a list"),
        (200, b'{"offsets": [{"error_code": 2, "error": "broker away"}]}', "broker away"),
        (200, b'{"error_code": 40401, "message": "no topic"}', "no topic"),
    ],
)
def test_what_a_proxy_did_not_store_is_none_and_the_reason_is_logged(
    web: Any, caplog: pytest.LogCaptureFixture, status: int, answer: bytes, reason: str
) -> None:
    web.status, web.answer = status, answer
    with caplog.at_level(logging.WARNING, logger="producers"):
        assert post_meter_usage(**_call(web, "t", total_usage=1)) is None
    assert reason in caplog.text


def test_a_proxy_that_is_away_is_none(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="producers"):
        assert post_meter_usage("t", "d", "m", "http://127.0.0.1:1", total_usage=1) is None
    assert "http://127.0.0.1:1/topics/usage-events failed" in caplog.text


def test_an_answer_that_never_ends_is_none(web: Any, settings: Callable[..., None]) -> None:
    settings(publish_timeout="0.5")
    web.answer = STORED
    web.drip.clear()
    assert post_meter_usage(**_call(web, "t", total_usage=1)) is None


def test_the_customer_is_looked_up_once_a_minute(web: Any, fresh: Callable[[str], str]) -> None:
    tenant = fresh("t") + "/é"
    call = _call(web, "t", total_usage=1, portal_url=f"{web.url}/", api_key="k") | {"tenant_id": tenant}
    call["kafka_url"] = web.url
    assert [post_meter_usage(**call), post_meter_usage(**call)] == [None, None]  # a list is no proxy's answer
    lookups = [request for request in web.requests if request[0] == "GET"]
    posts = [orjson.loads(request[3]) for request in web.requests if request[0] == "POST"]
    assert len(lookups) == 1
    assert lookups[0][1].startswith("/metering/v1alpha1/customer-accounts/tenant/t-")
    assert lookups[0][1].endswith("%2F%C3%A9")
    assert lookups[0][2]["authorization"] == "Bearer k"
    assert [post["records"][0]["value"]["customer_id"] for post in posts] == ["cust-1", "cust-1"]


def test_a_failed_lookup_is_none_and_tried_again(web: Any, fresh: Callable[[str], str]) -> None:
    call = _call(web, fresh("t"), total_usage=1, portal_url=web.url)
    web.status = 500
    assert [post_meter_usage(**call), post_meter_usage(**call)] == [None, None]
    assert [request[0] for request in web.requests] == ["GET", "GET"]
    assert "authorization" not in {name.lower() for name in web.requests[0][2]}
