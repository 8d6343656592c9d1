"""Counts the events of a file with the stream's core: `python core.py FILE EVENTS`, an event a line.

It imports nothing but the core, so that a run under an instruction counter takes seconds.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from stream.core.chunks import Chunk, Emissions
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import ANY, Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, Stretch
from stream.core.pins import Pin
from stream.core.rows import take_rows

_APPENDED = 1_767_225_600_000 + 7_200_000
_EVERYTHING = 1_000_000
_FETCHED = 1_000


def meter(
    meter_id: str, event_name: str, aggregation: Aggregation, field: str, *filters: tuple[str, frozenset[str]]
) -> Definition:
    """A meter of every tenant, by the minute, from the epoch on."""
    return Definition(
        tenant_id=ANY,
        environment_id=ANY,
        meter_id=meter_id,
        meter_version=1,
        event_name=event_name,
        aggregation=aggregation,
        field=field,
        filters=filters,
        group_by=(),
        window_ms=60_000,
        unit="",
        effective_from=0,
        published=True,
    )


# Those of benchmarks.truth, which would bring pydantic along.
METERS = (
    meter("bench.requests", "llm.tokens", Aggregation.COUNT, ""),
    meter(
        "bench.tokens", "llm.tokens", Aggregation.SUM, "tokens", ("model", frozenset(("gpt-4", "claude-3")))
    ),
    meter("bench.calls.eu", "api.call", Aggregation.COUNT, "", ("region", frozenset(("eu",)))),
)


def count(values: Sequence[bytes]) -> list[bytes]:
    """Count events as a worker does, in fetches of a thousand, and return their rows."""
    pin = Pin(
        chunk_start=0,
        topic_id="topic",
        bucket=(0, _APPENDED // 60_000),
        chunk_records=_EVERYTHING,
        chunk_seconds=60,
        dedupe_records=_EVERYTHING,
        dedupe_seconds=3_600,
        definitions_end=len(METERS),
        previous_generation=0,
        current_generation=0,
    )
    chunk = Chunk(Source("usage-events", "topic", 0), pin, DefinitionSet(METERS), Generations(0, 0))
    decoder = Decoder("default")
    for start in range(0, len(values), _FETCHED):
        fetched = values[start : start + _FETCHED]
        records = [Record(start + index, _APPENDED, value=value) for index, value in enumerate(fetched)]
        chunk.count(Stretch(records), 0, decoder, Emissions())
    return take_rows(chunk).rollups


def main() -> None:
    with Path(sys.argv[1]).open("rb") as file:
        count([line.rstrip(b"\n") for line in islice(file, int(sys.argv[2]))])


if __name__ == "__main__":
    main()
