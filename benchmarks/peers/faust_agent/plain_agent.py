"""The same three meters as one writes them with stock Faust: an agent for each event and a windowed table.

Run by `faust -A plain_agent worker`. About once a second it sends the cells that changed. It knows nothing of
duplicates.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import faust
from meters import BILLED_MODELS, BILLED_REGION, CALLS_EU, REQUESTS, TOKENS, WINDOW_SECONDS
from task import Reading, Task

Event = dict[str, Any]

# Tables forget windows by the wall clock: with anything short of years an old event's window is gone at once.
_EXPIRES = timedelta(days=3_650)
_EMIT_SECONDS = 1.0
_PARTITIONS = 4

task = Task.given()
reading = Reading(task)

app = faust.App(
    task.group,
    broker=f"kafka://{task.bootstrap_servers}",
    store="memory://",
    topic_partitions=_PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    stream_wait_empty=False,
    consumer_auto_offset_reset="earliest",
)
events = app.topic(task.input, key_serializer="raw", value_serializer="json")
rollups = app.topic(task.output, key_serializer="raw", value_serializer="raw")


def event_time(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def usage(event: Event) -> Iterator[tuple[str, int]]:
    properties = event["properties"]
    if event["event_name"] == "llm.tokens":
        yield REQUESTS, 1
        if properties["model"] in BILLED_MODELS:
            yield TOKENS, int(properties["tokens"])
    elif event["event_name"] == "api.call" and properties["region"] == BILLED_REGION:
        yield CALLS_EU, 1


totals = (
    app.Table("totals", default=int)
    .tumbling(WINDOW_SECONDS, expires=_EXPIRES)
    .relative_to(lambda event: event_time(event.value))
)
changed: dict[str, int] = {}


@app.agent(events)  # type: ignore[untyped-decorator]  # Faust has no types
async def meter(stream: faust.StreamT[Event]) -> None:
    async for event in stream:
        if event is None:
            continue
        reading.add(1)
        window = int(event_time(event)) // WINDOW_SECONDS * WINDOW_SECONDS
        for meter_id, amount in usage(event):
            key = f"{meter_id}|{event['tenant_id']}|{event['customer_id']}"
            totals[key] += amount
            changed[f"{key}|{window}"] = totals[key].value()


@app.timer(_EMIT_SECONDS)  # type: ignore[untyped-decorator]  # likewise
async def emit() -> None:
    cells = dict(changed)
    changed.clear()
    for cell, total in cells.items():
        await rollups.send(key=cell.encode(), value=f"{cell}|{total}".encode())
