import pytest

from schemas import DeadLetter, DeadLetterReason
from sinks.bisection import Refusal
from sinks.columns import REJECTED_COLUMNS, raw_rows, rejected_rows
from sinks.dead_letters import dead_letter_headers, one_per_record
from sinks.errors import RowsRefusedError
from sinks.lines import chunk_lines, session_lines
from sinks.source_records import Headers, SourceRecord


def record(value: bytes | None, offset: int = 5, headers: Headers = ()) -> SourceRecord:
    return SourceRecord("usage-events", "id", 1, offset, 1_700_000_000_123, b"key", value, headers)


def test_milliseconds_become_seconds_with_a_fraction() -> None:
    lines = chunk_lines([record(b'{"first_append_time":1700000000005,"read":3}')])
    assert lines == b'{"first_append_time":"1700000000.005","read":3}'


def test_a_time_that_is_null_stays_null() -> None:
    assert session_lines([record(b'{"ended_at":null}')]) == b'{"ended_at":null}'


@pytest.mark.parametrize("line", [b"garbage", b"[1]", b'"text"', b'{"updated_at":"soon"}'])
def test_a_session_that_is_no_object_or_has_no_time_is_refused(line: bytes) -> None:
    with pytest.raises(RowsRefusedError):
        session_lines([record(line)])


def test_a_control_record_is_marked_and_an_empty_value_alone_is_not_one() -> None:
    control = record(None, headers=(("meterstream-control", b"tick"),))
    plain, tombstone = raw_rows([record(b"{}"), record(None)])
    assert raw_rows([control])[0][-1] is True
    assert (plain[-1], tombstone[-1]) == (False, False)


def test_a_dead_letter_stands_at_the_place_of_its_source() -> None:
    letter = DeadLetter(
        reason=DeadLetterReason.NOT_A_NUMBER,
        detail="is a text",
        meter="m",
        topic="usage-events",
        topic_id="source",
        partition=3,
        offset=99,
    )
    dead = SourceRecord("usage-events-dlq", "dlq", 0, 1, 0, b"key", b"bytes", tuple(letter.headers()))
    row = dict(zip(REJECTED_COLUMNS.names, rejected_rows([dead])[0], strict=True))
    assert (row["topic_id"], row["partition"], row["offset"], row["meter_id"]) == ("source", 3, 99, "m")
    assert (row["reason"], row["detail"], row["value"]) == (b"not_a_number", "is a text", b"bytes")


def test_a_foreign_record_among_the_dead_letters_is_its_own_source() -> None:
    dead = SourceRecord("usage-events-dlq", "dlq", 0, 1, 0, b"key", b"bytes")
    row = dict(zip(REJECTED_COLUMNS.names, rejected_rows([dead])[0], strict=True))
    assert (row["topic"], row["topic_id"], row["offset"]) == ("usage-events-dlq", "dlq", 1)


def test_refused_lines_of_one_record_are_one_dead_letter() -> None:
    refusals = [
        Refusal(record(b"a"), "bad a"),
        Refusal(record(b"x", offset=6), "bad x"),
        Refusal(record(b"b"), "bad b"),
    ]
    letters = list(one_per_record(refusals))
    assert [(letter.record.offset, letter.record.value) for letter in letters] == [(5, b"a\nb"), (6, b"x")]


def test_a_refused_row_says_where_it_stood() -> None:
    letter = DeadLetter.from_headers(dead_letter_headers(Refusal(record(b"a"), "bad")))
    assert letter.reason is DeadLetterReason.INSERT_REFUSED
    assert (letter.topic, letter.topic_id, letter.partition, letter.offset) == ("usage-events", "id", 1, 5)
