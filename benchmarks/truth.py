"""What the meters must come to: a plain fold over the events, sharing no code with what is measured."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from benchmarks.workload import Event
from schemas import ANY, Aggregation, AggregationType, Filter, Meter

WINDOW_SECONDS: Final = 60

REQUESTS: Final = "bench.requests"
TOKENS: Final = "bench.tokens"
CALLS_EU: Final = "bench.calls.eu"
BILLED_MODELS: Final = ("gpt-4", "claude-3")
BILLED_REGION: Final = "eu"

METERS: Final = (
    Meter(
        id=REQUESTS,
        name="Requests to language models",
        event_name="llm.tokens",
        tenant_id=ANY,
        environment_id=ANY,
        aggregation=Aggregation(type=AggregationType.COUNT),
        window_seconds=WINDOW_SECONDS,
    ),
    Meter(
        id=TOKENS,
        name="Tokens of the billed models",
        event_name="llm.tokens",
        tenant_id=ANY,
        environment_id=ANY,
        aggregation=Aggregation(type=AggregationType.SUM, field="tokens"),
        filters=(Filter(key="model", values=BILLED_MODELS),),
        window_seconds=WINDOW_SECONDS,
    ),
    Meter(
        id=CALLS_EU,
        name="Calls in Europe",
        event_name="api.call",
        tenant_id=ANY,
        environment_id=ANY,
        aggregation=Aggregation(type=AggregationType.COUNT),
        filters=(Filter(key="region", values=(BILLED_REGION,)),),
        window_seconds=WINDOW_SECONDS,
    ),
)


class Cell(NamedTuple):
    """One meter's usage by one customer in one window; `window_start` is epoch seconds."""

    meter_id: str
    tenant_id: str
    customer_id: str
    window_start: int


@dataclass(slots=True)
class Truth:
    """The totals of the events folded so far.

    Attributes:
        once: Duplicates removed.
        repeated: Duplicates counted again, as one counts who does not know of them.
        unmatched: Events, duplicates removed, that no meter matches.
    """

    events: int = 0
    duplicates: int = 0
    unmatched: int = 0
    once: Counter[Cell] = field(default_factory=Counter)
    repeated: Counter[Cell] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        return self.events - self.duplicates - self.unmatched

    def add(self, event: Event, is_repeat: bool) -> None:
        self.events += 1
        self.duplicates += is_repeat
        matched = False
        for cell, amount in _usage(event):
            matched = True
            self.repeated[cell] += amount
            if not is_repeat:
                self.once[cell] += amount
        self.unmatched += not (matched or is_repeat)


def _usage(event: Event) -> Iterator[tuple[Cell, int]]:
    window = event.timestamp - event.timestamp % WINDOW_SECONDS
    where = (event.tenant_id, event.customer_id, window)
    if event.name == "llm.tokens":
        yield Cell(REQUESTS, *where), 1
        if event.model in BILLED_MODELS:
            yield Cell(TOKENS, *where), event.tokens
    elif event.name == "api.call" and event.region == BILLED_REGION:
        yield Cell(CALLS_EU, *where), 1


def differences(counted: Mapping[Cell, object], truth: Mapping[Cell, int]) -> list[str]:
    """Say of every cell that differs what was counted and what was published."""
    differing = [cell for cell in counted.keys() | truth.keys() if counted.get(cell, 0) != truth.get(cell, 0)]
    return [
        f"{' '.join(map(str, cell))}: counted {counted.get(cell, 0)}, published {truth.get(cell, 0)}"
        for cell in sorted(differing)
    ]
