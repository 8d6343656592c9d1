"""What the package promises."""

import inspect

import producers


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(producers, name) for name in producers.__all__)


def test_the_post_functions_keep_the_order_of_the_reference() -> None:
    common = ["tenant_id", "device_id", "meter_id", "kafka_url", "portal_url", "api_key"]
    assert list(inspect.signature(producers.post_meter_usage).parameters) == [
        *common,
        "total_usage",
        "timestamp",
        "metadata",
    ]
    assert list(inspect.signature(producers.post_ai_meter_usage).parameters) == [
        *common,
        "start_time",
        "end_time",
        "metadata",
    ]
