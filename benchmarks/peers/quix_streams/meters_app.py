"""The three meters on Quix Streams: one windowed state a customer, so that nothing is repartitioned.

Closed windows alone are emitted: an update for every event would cost more than the counting.
"""

from collections.abc import Iterator
from typing import Any

from meters import BILLED_MODELS, BILLED_REGION, CALLS_EU, REQUESTS, TOKENS, WINDOW_SECONDS, Moments
from quixstreams import Application
from quixstreams.dataframe.windows import Sum
from task import Reading, Task

Amounts = dict[str, int]

_METERS = (REQUESTS, TOKENS, CALLS_EU)

task = Task.given()
reading = Reading(task)
moments = Moments()


def event_time(event: Any, _headers: object, timestamp: int, _kind: object) -> int:  # noqa: ANN401
    """Epoch milliseconds; a control record has no event."""
    if event is None:
        return timestamp
    reading.add(1)
    return moments[event["timestamp"]] * 1_000


def usage(event: dict[str, Any]) -> list[Amounts]:
    """What the meters count of an event; the last event of a partition counts nothing and closes windows."""
    properties = event["properties"]
    match event["event_name"]:
        case "llm.tokens":
            tokens = int(properties["tokens"]) if properties["model"] in BILLED_MODELS else 0
            return [{REQUESTS: 1, TOKENS: tokens, CALLS_EU: 0}]
        case "api.call" if properties["region"] == BILLED_REGION:
            return [{REQUESTS: 0, TOKENS: 0, CALLS_EU: 1}]
        case "bench.end":
            return [{REQUESTS: 0, TOKENS: 0, CALLS_EU: 0}]
    return []


def rows(window: dict[str, Any], key: str, _timestamp: int, _headers: object) -> list[str]:
    """The rows of a closed window, as the value of one record; none where nothing was counted."""
    lines = "\n".join(_lines(window, key))
    return [lines] if lines else []


def _lines(window: dict[str, Any], key: str) -> Iterator[str]:
    tenant, customer = key.split("/")
    for meter_id in _METERS:
        if amount := window[meter_id]:
            yield f"{meter_id}|{tenant}|{customer}|{window['start'] // 1_000}|{amount}"


def main() -> None:
    """Count until the process is ended."""
    app = Application(
        broker_address=task.bootstrap_servers,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=str(task.directory / "state"),
        consumer_extra_config={
            # Once its queue is full librdkafka waits a second by default before it fetches again.
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
        },
        producer_extra_config={"compression.type": "lz4", "linger.ms": 20},
    )
    events = app.topic(
        task.input, key_deserializer="str", value_deserializer="json", timestamp_extractor=event_time
    )
    output = app.topic(task.output, key_serializer="str", value_serializer="str")
    counted = (
        app.dataframe(events)
        .filter(lambda event: event is not None)
        .apply(usage, expand=True)
        .tumbling_window(WINDOW_SECONDS * 1_000, grace_ms=task.lateness_seconds * 1_000)
        .agg(**{meter_id: Sum(meter_id) for meter_id in _METERS})
        .final(closing_strategy="partition")
    )
    counted.apply(rows, expand=True, metadata=True).to_topic(output)
    app.run()


if __name__ == "__main__":
    main()
