"""Rows built here column by column: raw events, dead letters and meter definitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas.dead_letters import METER_HEADER, REASON_HEADER, DeadLetter, DeadLetterReason
from schemas.errors import SchemaError
from schemas.topics import CONTROL_HEADER
from sinks.errors import RowsRefusedError
from sinks.source_records import Headers, SourceRecord

Row = tuple[object, ...]
NO_HEADERS: Final[dict[str, bytes]] = {}
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and ClickHouse types of the columns a row gives; the table's other columns extract themselves."""

    names: tuple[str, ...]
    types: tuple[str, ...]


RAW_COLUMNS: Final = Columns(
    names=(
        "topic",
        "topic_id",
        "partition",
        "offset",
        "append_time",
        "key",
        "value",
        "headers",
        "is_control",
    ),
    types=(
        "LowCardinality(String)",
        "LowCardinality(String)",
        "Int32",
        "Int64",
        "DateTime64(3, 'UTC')",
        "String",
        "String",
        "Map(String, String)",
        "Bool",
    ),
)
REJECTED_COLUMNS: Final = Columns(
    names=(*RAW_COLUMNS.names[:-1], "meter_id", "reason", "detail"),
    types=(*RAW_COLUMNS.types[:-1], "String", "LowCardinality(String)", "String"),
)
METER_COLUMNS: Final = Columns(names=("definition", "source_offset"), types=("String", "Int64"))


def raw_rows(records: Sequence[SourceRecord]) -> list[Row]:
    """One row a record of usage-events, control records included."""
    return [
        (*record[:6], record.value or b"", headers_map(record.headers), is_control(record))
        if record.headers or record.value is None
        else (*record[:7], NO_HEADERS, False)
        for record in records
    ]


def rejected_rows(records: Sequence[SourceRecord]) -> list[Row]:
    """One row a dead letter, at the place its source record had."""
    return [_rejected_row(record) for record in records]


def meter_rows(records: Sequence[SourceRecord]) -> list[Row]:
    """One row a definition; a deleted one (no value) leaves the rows there are.

    Raises:
        RowsRefusedError: a value is empty, which neither defines nor deletes anything.
    """
    if any(record.value == b"" for record in records):
        raise RowsRefusedError("an empty value, where a meter definition or none was expected")
    return [(record.value, record.offset) for record in records if record.value is not None]


def is_control(record: SourceRecord) -> bool:
    """Whether the record carries no usage by intent."""
    return record.value is None and record.header(CONTROL_HEADER) is not None


def headers_map(headers: Headers) -> dict[str, bytes]:
    """The last value of each name."""
    return {name: value or b"" for name, value in headers}


def _rejected_row(record: SourceRecord) -> Row:
    letter = _dead_letter(record)
    return (
        letter.topic,
        letter.topic_id,
        letter.partition,
        letter.offset,
        record.append_time,
        record.key,
        record.value or b"",
        headers_map(record.headers),
        letter.meter,
        (record.header(REASON_HEADER) or letter.reason.encode()),
        letter.detail,
    )


def _dead_letter(record: SourceRecord) -> DeadLetter:
    """What the headers say; a foreign record among the dead letters is its own source."""
    try:
        letter = DeadLetter.from_headers(record.headers)
    except SchemaError as error:
        return _foreign_letter(record, str(error))
    if abs(letter.partition) > _INT32_MAX or abs(letter.offset) > _INT64_MAX:
        return _foreign_letter(record, "its headers name a partition or an offset that cannot be one")
    return letter


def _foreign_letter(record: SourceRecord, detail: str) -> DeadLetter:
    return DeadLetter(
        reason=DeadLetterReason.UNKNOWN_SHAPE,
        detail=detail,
        meter=(record.header(METER_HEADER) or b"").decode(errors="replace"),
        topic=record.topic,
        topic_id=record.topic_id,
        partition=record.partition,
        offset=record.offset,
    )
