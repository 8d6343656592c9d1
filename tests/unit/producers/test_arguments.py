"""A caller's mistake is an error that says what to do, before anything is sent."""

from decimal import Decimal
from typing import Any

import pytest

from producers import arguments, post_ai_meter_usage, post_meter_usage

# Nothing listens there: a call that got as far as sending would return None instead of raising.
CALL: dict[str, Any] = {
    "tenant_id": "tenant_1",
    "device_id": "device_1",
    "meter_id": "page.processed.basic",
    "kafka_url": "http://127.0.0.1:1",
}
USE = CALL | {"total_usage": 1}
MOMENT = 1_759_791_552_000


@pytest.mark.parametrize(
    ("change", "error", "advice"),
    [
        (
            {"kafka_url": ("https://host",)},
            TypeError,
            "kafka_url is a tuple: remove the comma after the value",
        ),
        ({"portal_url": ("https://host",)}, TypeError, "portal_url is a tuple: remove the comma"),
        ({"api_key": ("key",)}, TypeError, "api_key is a tuple: remove the comma"),
        ({"tenant_id": ("t",)}, TypeError, "tenant_id is a tuple"),
        ({"kafka_url": ["host:9092"]}, TypeError, "kafka_url must be a str, not list"),
        ({"kafka_url": "stream.example.com"}, ValueError, "neither a port nor a scheme"),
        ({"kafka_url": "amqp://host:5672"}, ValueError, "has the scheme amqp"),
        ({"kafka_url": "host:99999"}, ValueError, "port 99999"),
        ({"kafka_url": "host:9092,"}, ValueError, "names no broker"),
        ({"portal_url": "portal.example.com"}, ValueError, "portal_url .* must begin with http"),
        ({"portal_url": 24}, TypeError, "portal_url must be a str, not int"),
        ({"api_key": "schlüssel"}, ValueError, "api_key holds characters"),
        ({"tenant_id": ""}, ValueError, "tenant_id is empty"),
        ({"device_id": "  "}, ValueError, "device_id is empty"),
        ({"meter_id": "é" * 257}, ValueError, "meter_id is 514 bytes long: use at most 512"),
        ({"tenant_id": 7}, TypeError, "tenant_id must be a str, not int"),
        ({"tenant_id": "t\nx"}, ValueError, "goes into an HTTP header"),
        ({"meter_id": "\ud800"}, ValueError, "lone surrogate"),
        ({"total_usage": None}, TypeError, "needs total_usage"),
        ({"total_usage": "24"}, TypeError, "must be a number, not str"),
        ({"total_usage": True}, TypeError, "must be a number, not bool"),
        ({"total_usage": (24,)}, TypeError, "total_usage is a tuple"),
        ({"total_usage": float("nan")}, ValueError, "finite"),
        ({"total_usage": Decimal("-Infinity")}, ValueError, "finite"),
        ({"total_usage": Decimal("sNaN")}, ValueError, "finite"),
        ({"total_usage": 10**15 + 1}, ValueError, "out of bounds"),
        ({"total_usage": Decimal("1E+999999")}, ValueError, "out of bounds"),
        ({"total_usage": Decimal("1E-19")}, ValueError, "more than 18 decimals"),
        ({"total_usage": 1e-19}, ValueError, "more than 18 decimals"),
        ({"timestamp": 1_759_791_552}, ValueError, "milliseconds, not seconds"),
        ({"timestamp": 1_759_791_552.5}, TypeError, "int\\(time.time\\(\\) \\* 1000\\)"),
        ({"timestamp": MOMENT * 1_000_000}, ValueError, "not microseconds"),
        ({"timestamp": "now"}, TypeError, "must be an int of epoch milliseconds"),
        ({"timestamp": True}, TypeError, "must be an int of epoch milliseconds"),
        ({"metadata": ["a"]}, TypeError, "metadata must be a dict"),
        ({"metadata": {1: "a"}}, TypeError, "use str keys"),
        ({"metadata": {"a": None}}, TypeError, r"metadata\['a'\] must be a str, not NoneType"),
        ({"metadata": {"a": {}}}, TypeError, r"metadata\['a'\] must be a str, not dict"),
        ({"metadata": {"total_usage": "1"}}, ValueError, "rename it"),
    ],
)
def test_a_mistake_in_a_use_says_what_to_do(
    change: dict[str, Any], error: type[Exception], advice: str
) -> None:
    with pytest.raises(error, match=advice):
        post_meter_usage(**USE | change)


@pytest.mark.parametrize(
    ("times", "error", "advice"),
    [
        ({}, ValueError, "neither start_time nor end_time"),
        ({"start_time": 0}, ValueError, "start_time 0 lies before the year 2000"),
        ({"end_time": 1.5}, TypeError, "end_time 1.5 is a float"),
        ({"start_time": MOMENT, "end_time": MOMENT - 1}, ValueError, "lies before start_time"),
        ({"start_time": (MOMENT,)}, TypeError, "start_time is a tuple"),
        ({"start_time": MOMENT, "metadata": {"session_id": "s" * 513}}, ValueError, "513 bytes long"),
        ({"start_time": MOMENT, "metadata": {"session_id": ""}}, ValueError, "is empty"),
    ],
)
def test_a_mistake_in_a_boundary_says_what_to_do(
    times: dict[str, Any], error: type[Exception], advice: str
) -> None:
    with pytest.raises(error, match=advice):
        post_ai_meter_usage(**CALL | times)


def test_an_api_key_is_never_shown_in_an_error() -> None:
    with pytest.raises(TypeError) as raised:
        post_meter_usage(**USE | {"api_key": b"sk-secret"})
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "number", [0, -3, 10**15, 0.1, -(10.0**15), Decimal("0.1"), Decimal("1." + "0" * 30), Decimal("1E-18")]
)
def test_a_number_within_bounds_is_taken_as_it_is(number: Any) -> None:
    assert arguments.usage(number) == number


def test_metadata_is_written_as_meter_lib_writes_it() -> None:
    written = arguments.metadata(
        {"rule": "a", "pages": 3, "share": 0.5, "price": Decimal("1.50"), "new": True}
    )
    assert written == {"rule": "a", "pages": "3", "share": "0.5", "price": "1.50", "new": "True"}
