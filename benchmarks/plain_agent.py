"""The same three meters as one writes them with stock Faust: an agent for each event and a windowed table.

Run by `faust -A benchmarks.plain_agent worker`. About once a second it sends the cells that changed; the
record with the key `started` says when its first event was in its hands. It knows nothing of duplicates.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import faust

Event = dict[str, Any]

# Tables forget windows by the wall clock: with anything short of years an old event's window is gone at once.
_EXPIRES = timedelta(days=3_650)
_WINDOW_SECONDS = 60
_EMIT_SECONDS = 1.0
_BILLED_MODELS = ("gpt-4", "claude-3")

app = faust.App(
    os.environ["BENCH_APP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP_SERVERS']}",
    store="memory://",
    topic_partitions=int(os.environ["BENCH_PARTITIONS"]),
    topic_replication_factor=1,
    topic_disable_leader=True,
    stream_wait_empty=False,
    consumer_auto_offset_reset="earliest",
)
events = app.topic(os.environ["BENCH_INPUT"], key_serializer="raw", value_serializer="json")
rollups = app.topic(os.environ["BENCH_OUTPUT"], key_serializer="raw", value_serializer="raw")


def event_time(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def usage(event: Event) -> Iterator[tuple[str, int]]:
    properties = event["properties"]
    if event["event_name"] == "llm.tokens":
        yield "bench.requests", 1
        if properties["model"] in _BILLED_MODELS:
            yield "bench.tokens", int(properties["tokens"])
    elif event["event_name"] == "api.call" and properties["region"] == "eu":
        yield "bench.calls.eu", 1


totals = (
    app.Table("totals", default=int)
    .tumbling(_WINDOW_SECONDS, expires=_EXPIRES)
    .relative_to(lambda event: event_time(event.value))
)
changed: dict[str, int] = {}


@app.agent(events)  # type: ignore[untyped-decorator]  # Faust has no types
async def meter(stream: faust.StreamT[Event]) -> None:
    started = False
    async for event in stream:
        if not started:
            started = True
            await rollups.send(key=b"started", value=b"0")
        window = int(event_time(event)) // _WINDOW_SECONDS * _WINDOW_SECONDS
        for meter_id, amount in usage(event):
            key = f"{meter_id}|{event['tenant_id']}|{event['customer_id']}"
            totals[key] += amount
            changed[f"{key}|{window}"] = totals[key].value()


@app.timer(_EMIT_SECONDS)  # type: ignore[untyped-decorator]  # likewise
async def emit() -> None:
    cells = dict(changed)
    changed.clear()
    for cell, total in cells.items():
        await rollups.send(key=cell.encode(), value=b"%d" % total)
