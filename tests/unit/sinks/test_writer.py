import logging
from collections.abc import Sequence
from threading import Event

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from sinks.batches import Batch
from sinks.bisection import Refusal
from sinks.clickhouse import translated_errors
from sinks.counters import Counters, CountersLog
from sinks.dead_letters import smaller
from sinks.errors import ClickHouseAwayError, ClickHouseFailsError, RowsRefusedError, SinkError
from sinks.retries import is_said, retry_while_away
from sinks.source_records import Headers, SourceRecord
from sinks.writer import Writer

ROLLUPS: Headers = (("meterstream-table", b"usage_rollups"),)
CHUNKS: Headers = (("meterstream-table", b"usage_chunks"),)


class FakeClickHouse:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.rows = 0

    def insert_lines(self, _table: str, lines: bytes) -> None:
        self.lines += lines.split(b"\n")

    def insert_columns(
        self, _table: str, _names: Sequence[str], _types: Sequence[str], columns: Sequence[Sequence[object]]
    ) -> None:
        self.rows += len(columns[0])


class FakeDeadLetters:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Refusal] = []

    def send(self, refusals: Sequence[Refusal], _stop: Event) -> None:
        self.sent += refusals


def record(topic: str, offset: int, value: bytes | None, headers: Headers = ()) -> SourceRecord:
    return SourceRecord(topic, "id", 0, offset, 0, b"key", value, headers)


def written(*records: SourceRecord) -> tuple[FakeClickHouse, list[tuple[str, int]], Counters]:
    """What is stored, and the places of what is among the dead letters."""
    clickhouse, letters, counters, batch = FakeClickHouse(), FakeDeadLetters(), Counters(), Batch()
    batch.add(records, now=0.0)
    Writer(clickhouse, letters, counters).write(batch, Event())
    places = [(refusal.record.topic, refusal.record.offset) for refusal in letters.sent]
    return clickhouse, places, counters


@pytest.mark.parametrize("value", [None, b"", b" \n\n"])
@pytest.mark.parametrize(
    ("topic", "headers"), [("usage-rollups", ROLLUPS), ("usage-rollups", CHUNKS), ("usage-sessions", ())]
)
def test_a_record_without_a_line_is_a_dead_letter_and_those_beside_it_are_stored(
    topic: str, headers: Headers, value: bytes | None
) -> None:
    good = [record(topic, offset, b'{"a":%d}' % offset, headers) for offset in range(3)]
    clickhouse, letters, _ = written(*good, record(topic, 3, value, headers))
    assert letters == [(topic, 3)]
    assert sorted(clickhouse.lines) == [b'{"a":0}', b'{"a":1}', b'{"a":2}']


def test_an_empty_definition_is_a_dead_letter_and_a_deleted_one_is_counted() -> None:
    topic = "meter-definitions"
    clickhouse, letters, counters = written(
        record(topic, 0, b"{}"), record(topic, 1, b""), record(topic, 2, None)
    )
    assert (clickhouse.rows, letters, counters.deleted_definitions) == (1, [(topic, 1)], 1)


def test_every_record_of_the_other_topics_is_a_row_whatever_its_value() -> None:
    for topic in ("usage-events", "usage-events-dlq"):
        clickhouse, letters, _ = written(
            *(record(topic, n, value) for n, value in enumerate([None, b"", b"x"]))
        )
        assert (clickhouse.rows, letters) == (3, [])


def test_json_that_is_too_deep_to_write_is_a_dead_letter() -> None:
    deep = b'{"metadata":' + b'{"a":' * 400 + b"1" + b"}" * 401
    _, letters, _ = written(record("usage-sessions", 0, deep))
    assert letters == [("usage-sessions", 0)]


def test_a_dead_letter_too_long_loses_its_value_then_its_headers_then_its_key_and_says_so() -> None:
    whole = Refusal(record("usage-rollups", 0, b"x" * 9, ROLLUPS), "bad")
    parts = [whole]
    while (less := smaller(parts[-1])) is not None:
        parts.append(less)
    assert [(each.record.value, each.record.headers, each.record.key) for each in parts] == [
        (b"x" * 9, ROLLUPS, b"key"),
        (None, ROLLUPS, b"key"),
        (None, (), b"key"),
        (None, (), b""),
    ]
    assert parts[1].detail == "(its value of 9 bytes left out, too long for a dead letter) bad"


def test_waiting_is_said_at_once_and_then_ever_more_seldom() -> None:
    said = [attempt for attempt in range(200) if is_said(attempt)]
    assert said == [0, 3, 10, 30, 60, 120, 180]


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (ClickHouseAwayError("connection refused"), logging.WARNING),
        (ClickHouseFailsError("Code: 243. Not enough space"), logging.ERROR),
    ],
)
def test_what_clickhouse_says_is_logged_with_the_table_and_its_own_errors_as_errors(
    error: ClickHouseAwayError, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[ClickHouseAwayError | None] = [error, None]

    def action() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    retry_while_away(action, "usage_rollups", Event())
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.levelno == level
    assert "table=usage_rollups" in line.getMessage()
    assert str(error) in line.getMessage()


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (
            DatabaseError("Code: 243. Cannot reserve, not enough space", code=243),
            ClickHouseFailsError,
        ),
        (
            DatabaseError("Code: 1002. No space left on device", code=1002),
            ClickHouseFailsError,
        ),
        (DatabaseError("Code: 60. Table metering.meters does not exist", code=60), ClickHouseFailsError),
        (OperationalError("502 Bad Gateway"), ClickHouseAwayError),
        (ConnectionResetError("reset by peer"), ClickHouseAwayError),
        (DatabaseError("Code: 27. Cannot parse input", code=27), RowsRefusedError),
    ],
)
def test_only_what_clickhouse_says_of_the_rows_is_a_fault_of_the_rows(
    error: Exception, meaning: type[SinkError]
) -> None:
    with pytest.raises(meaning) as raised, translated_errors():
        raise error
    assert type(raised.value) is meaning


def test_counters_are_said_where_they_have_changed_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counters = Counters()
    said = CountersLog(counters)
    said.tick(100.0)
    counters.lost += 7
    for now in (101.0, 161.0, 400.0):
        said.tick(now)
    (line,) = caplog.records
    assert "lost=7" in line.getMessage()
