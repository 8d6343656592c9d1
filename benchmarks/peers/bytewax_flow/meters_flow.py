"""The three meters on Bytewax, without a recovery store: one folded window a customer.

The source ends with the topic, which closes the windows still open.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from meters import BILLED_MODELS, BILLED_REGION, CALLS_EU, REQUESTS, TOKENS, WINDOW_SECONDS
from msgspec import Struct
from msgspec.json import Decoder
from task import Reading, Task

Usage = tuple[datetime, int, int, int]
Amounts = list[int]

_METERS = (REQUESTS, TOKENS, CALLS_EU)
_BATCH = 10_000
_ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Properties(Struct):
    model: str
    tokens: str
    region: str


class Event(Struct):
    event_name: str
    timestamp: str
    properties: Properties


class Times(dict[str, datetime]):
    """The time of each timestamp seen."""

    def __missing__(self, timestamp: str) -> datetime:
        time = self[timestamp] = datetime.fromisoformat(timestamp)
        return time


task = Task.given()
reading = Reading(task)
times = Times()
decode = Decoder(Event).decode


def usage(messages: list[KafkaSourceMessage]) -> list[tuple[str, Usage]]:
    """What the meters count of a batch, by customer."""
    found = []
    reading.add(sum(message.value is not None for message in messages))
    for message in messages:
        if message.value is None:
            continue
        event = decode(message.value)
        properties = event.properties
        if event.event_name == "llm.tokens":
            tokens = int(properties.tokens) if properties.model in BILLED_MODELS else 0
            found.append((message.key.decode(), (times[event.timestamp], 1, tokens, 0)))
        elif event.event_name == "api.call" and properties.region == BILLED_REGION:
            found.append((message.key.decode(), (times[event.timestamp], 0, 0, 1)))
    return found


def nothing() -> Amounts:
    return [0, 0, 0]


def add(amounts: Amounts, counted: Usage) -> Amounts:
    amounts[0] += counted[1]
    amounts[1] += counted[2]
    amounts[2] += counted[3]
    return amounts


def merge(one: Amounts, other: Amounts) -> Amounts:
    return [first + second for first, second in zip(one, other, strict=True)]


def rows(windows: Iterable[tuple[str, tuple[int, Amounts]]]) -> list[KafkaSinkMessage]:
    """A record for each closed window."""
    return [
        KafkaSinkMessage(key.encode(), _lines(key, window, amounts).encode())
        for key, (window, amounts) in windows
    ]


def _lines(key: str, window: int, amounts: Amounts) -> str:
    start = int(_ORIGIN.timestamp()) + window * WINDOW_SECONDS
    where = f"{key.replace('/', '|')}|{start}"
    return "\n".join(
        f"{meter_id}|{where}|{amount}" for meter_id, amount in zip(_METERS, amounts, strict=True) if amount
    )


flow = Dataflow("meters")
source = KafkaSource(
    [task.bootstrap_servers],
    [task.input],
    tail=False,
    batch_size=_BATCH,
    # Once its queue is full librdkafka waits a second by default before it fetches again.
    add_config={"fetch.queue.backoff.ms": "5", "fetch.wait.max.ms": "50"},
)
events = op.input("events", flow, source)
counted = op.flat_map_batch("usage", events, usage)
windowed = win.fold_window(
    "windows",
    counted,
    win.EventClock(lambda each: each[0], wait_for_system_duration=timedelta(seconds=task.lateness_seconds)),
    win.TumblingWindower(length=timedelta(seconds=WINDOW_SECONDS), align_to=_ORIGIN),
    nothing,
    add,
    merge,
    ordered=False,
)
emitted = op.flat_map_batch("rows", windowed.down, rows)
op.output("out", emitted, KafkaSink([task.bootstrap_servers], task.output, {"compression.type": "lz4"}))
