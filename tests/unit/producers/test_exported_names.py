"""What the package promises."""

import inspect

import producers
from producers import outbox


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(producers, name) for name in producers.__all__)


def test_the_outbox_has_the_names_and_arguments_of_its_reference() -> None:
    assert all(hasattr(outbox, name) for name in outbox.__all__)
    assert list(inspect.signature(outbox.WorkerBase).parameters) == ["queue", "func"]
    assert list(inspect.signature(outbox.ThreadPool).parameters)[:3] == ["num_threads", "func", "config"]
    assert list(inspect.signature(outbox.JobHandler.__call__).parameters) == ["self", "job_id", "data"]
    assert issubclass(outbox.Worker, outbox.WorkerBase)
    assert outbox.queue_configuration == outbox.QueueConfig()


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
