"""The rows of a chunk: absolute, so that writing them again, late or half changes nothing.

Names and types are those of the ClickHouse tables of the same names; a row is one line of JSON.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from stream.core.aggregation import Cell, Distinct
from stream.core.chunks import Chunk
from stream.core.definitions import Aggregation, Definition
from stream.core.matching import Lane
from stream.core.numbers import SCALE, plain_text, scaled_text

_SUMMED: Final = (Aggregation.SUM, Aggregation.AVG)

_encode: Final = msgspec.json.Encoder().encode


class Rows(NamedTuple):
    """What changed, one line a row: rows of `usage_rollups`, and of `usage_distinct_values`."""

    rollups: list[bytes]
    distinct_values: list[bytes]


def take_rows(chunk: Chunk) -> Rows:
    """Return the rows that changed since they were last taken.

    Of distinct values only new ones are: a value once found stays, so its row never changes again.
    """
    rows = Rows([], [])
    for lane in chunk.lanes.changed():
        origin = _origin_fields(chunk, lane)
        of_rollup = _opened(origin | _counting_fields(lane))
        of_value = _opened(origin | {"present": True})
        for cell in lane.changed:
            cell.changed = False
            totals = _totals(lane.definition, cell)
            if cell.distinct is not None:
                beginning = of_value + _opened(_window_fields(totals))[1:]
                rows.distinct_values.extend(beginning + value for value in _take_values(cell.distinct))
            rows.rollups.append(of_rollup + _encode(totals)[1:])
        lane.changed.clear()
    return rows


class _Totals(msgspec.Struct, gc=False):
    """What of a row differs between the cells of a lane."""

    customer_id: str
    group: dict[str, str]
    window_start: int
    window_end: int
    event_count: int
    sum: str | None
    min: str | None
    max: str | None
    latest: str | None
    latest_timestamp: int | None
    latest_offset: int | None


def _opened(fields: dict[str, Any]) -> bytes:
    """Return the beginning of a line, to which further fields are added."""
    return _encode(fields)[:-1] + b","


def _take_values(distinct: Distinct) -> Iterator[bytes]:
    """Yield the end of a line for every value not sent yet."""
    for value in distinct.unsent:
        yield b'"value":' + _encode(value) + b"}"
    distinct.unsent.clear()


def _origin_fields(chunk: Chunk, lane: Lane) -> dict[str, Any]:
    definition = lane.definition
    return {
        "tenant_id": lane.tenant_id,
        "environment_id": lane.environment_id,
        "meter_id": definition.meter_id,
        "meter_version": definition.meter_version,
        "source_topic_id": chunk.source.topic_id,
        "source_partition": chunk.source.partition,
        "chunk_start": chunk.pin.chunk_start,
        "source_session": "",
        "row_version": chunk.read_end,
    }


def _counting_fields(lane: Lane) -> dict[str, Any]:
    return {"aggregation": lane.definition.aggregation, "unit": lane.definition.unit}


def _window_fields(totals: _Totals) -> dict[str, Any]:
    return {
        "customer_id": totals.customer_id,
        "group": totals.group,
        "window_start": totals.window_start,
        "window_end": totals.window_end,
    }


def _totals(definition: Definition, cell: Cell) -> _Totals:
    has_latest = cell.latest is not None
    return _Totals(
        cell.customer_id,
        dict(zip(definition.group_by, cell.group, strict=True)),
        cell.window_start // 1000,
        (cell.window_start + definition.window_ms) // 1000,
        cell.event_count,
        _sum(definition.aggregation, cell),
        _text(cell.low),
        _text(cell.high),
        _text(cell.latest),
        cell.latest_time if has_latest else None,
        cell.latest_offset if has_latest else None,
    )


def _sum(aggregation: Aggregation, cell: Cell) -> str | None:
    if aggregation is Aggregation.DURATION:
        return str(cell.whole)
    if aggregation not in _SUMMED:
        return None
    return scaled_text(cell.whole * SCALE + cell.fraction) if cell.fraction else str(cell.whole)


def _text(number: int | Decimal | None) -> str | None:
    return None if number is None else plain_text(number)


def take_accounting_row(chunk: Chunk) -> bytes:
    """Return the chunk's row of `usage_chunks` as it stands."""
    chunk.changed = False
    pin, outcomes = chunk.pin, chunk.outcomes
    return _encode(
        {
            "topic": chunk.source.topic,
            "topic_id": chunk.source.topic_id,
            "partition": chunk.source.partition,
            "chunk_start": pin.chunk_start,
            "row_version": chunk.read_end,
            "read": outcomes.read,
            "control": outcomes.control,
            "forwarded": outcomes.forwarded,
            "duplicate": outcomes.duplicate,
            "rejected": outcomes.rejected,
            "unmatched": outcomes.unmatched,
            "accepted": outcomes.accepted,
            "meter_rejections": outcomes.meter_rejections,
            "first_append_time": chunk.first_append_time,
            "last_append_time": chunk.last_append_time,
            "definitions_end": pin.definitions_end,
            "chunk_records": pin.chunk_records,
            "chunk_seconds": pin.chunk_seconds,
            "dedupe_records": pin.dedupe_records,
            "dedupe_seconds": pin.dedupe_seconds,
            "semantics": pin.semantics,
        }
    )
