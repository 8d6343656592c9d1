"""Where counting of a partition begins, whatever has become of its log since the pin."""

from typing import Any

import pytest

from stream.core.beginnings import LogBounds, Remainder, begin
from stream.core.log import Record, Source
from stream.core.pins import Pin
from stream.core.runs import Spacing
from stream.errors import LogTruncatedError

SOURCE = Source("usage-events", "topic-id", 3)
SPACING = Spacing(100, 60)
NOON = 1_767_268_800_000


def pinned(**fields: Any) -> Pin:
    at_500 = {
        "chunk_start": 500,
        "topic_id": "topic-id",
        "bucket": (5, NOON // 60_000),
        "chunk_records": 100,
        "chunk_seconds": 60,
        "dedupe_records": 200,
        "dedupe_seconds": 3_600,
        "definitions_end": 1,
        "previous_generation": 200,
        "current_generation": 400,
    }
    return Pin(**{**at_500, **fields})


def beginning(pin: Pin | None, start: int, end: int = 1_000, accept_log_start: bool = False) -> Any:
    return begin(SOURCE, pin, LogBounds(start, end), SPACING, accept_log_start=accept_log_start)


def taken(remainder: Remainder, *records: Record) -> int:
    return next((i for i, record in enumerate(records) if not remainder.takes(record)), len(records))


def test_a_pinned_partition_is_read_from_its_previous_dedupe_generation_on() -> None:
    pin = pinned()

    assert beginning(pin, 0) == beginning(pin, 200)
    assert (beginning(pin, 0).read_from, beginning(pin, 0).pin, beginning(pin, 0).fault) == (200, pin, "")


def test_a_partition_that_was_never_counted_is_read_from_its_first_record_on() -> None:
    found = beginning(None, 0)

    assert (found.read_from, found.pin, found.remainder, found.fault) == (0, None, None, "")


def test_without_a_commit_the_first_chunk_of_a_log_that_begins_late_is_passed_over() -> None:
    found = beginning(None, 150)

    assert found.read_from == 150
    assert "METERSTREAM_ACCEPT_LOG_START" in found.fault
    assert taken(found.remainder, Record(150, NOON), Record(199, NOON), Record(200, NOON)) == 2


def test_at_a_first_deployment_a_log_that_begins_late_is_counted_from_there() -> None:
    found = beginning(None, 150, accept_log_start=True)

    assert (found.read_from, found.remainder, found.fault) == (150, None, "")


def test_what_is_left_of_a_chunk_that_lost_its_beginning_is_passed_over() -> None:
    found = beginning(pinned(), 550)

    assert (found.read_from, found.pin) == (550, None)
    assert "offsets 500 to 549 were deleted" in found.fault
    assert (
        taken(found.remainder, Record(550, NOON), Record(560, NOON + 59_999), Record(561, NOON + 60_000)) == 2
    )
    assert str(found.remainder) == "offsets 550 to 560 were passed over"


def test_nothing_is_passed_over_when_the_whole_chunk_is_gone() -> None:
    found = beginning(pinned(), 610)

    assert taken(found.remainder, Record(610, NOON)) == 0
    assert str(found.remainder) == "nothing was left to pass over"


def test_a_control_record_ends_what_is_passed_over() -> None:
    control = Record(560, NOON, headers=(("meterstream-control", b"definitions"),))

    assert taken(beginning(pinned(), 550).remainder, Record(550, NOON), control) == 1


def test_a_chunk_that_lost_but_its_control_record_is_resumed_without_a_fault() -> None:
    pin = pinned(begins_with_control=True)

    found = beginning(pin, 501)
    assert (found.read_from, found.pin, found.remainder, found.fault) == (501, pin, None, "")
    assert beginning(pin, 502).remainder is not None


def test_a_pin_is_obeyed_though_some_of_its_dedupe_memory_was_deleted_and_that_is_said() -> None:
    pin = pinned()
    found = beginning(pin, 300)

    assert (found.read_from, found.pin) == (300, pin)
    assert "offsets 200 to 299 were deleted" in found.fault


def test_a_pin_of_a_topic_that_was_deleted_is_passed_over() -> None:
    found = beginning(pinned(topic_id="another"), 7)

    assert (found.read_from, found.pin, found.remainder) == (7, None, None)
    assert "made anew" in found.fault


def test_a_log_that_ends_before_its_pin_is_not_counted_at_all() -> None:
    with pytest.raises(LogTruncatedError, match="pinned at offset 500 and its log ends at 499"):
        beginning(pinned(), 0, end=499)


@pytest.mark.parametrize("start", [0, 200, 201, 500, 501, 550])
def test_where_reading_begins_is_within_the_log(start: int) -> None:
    assert beginning(pinned(), start).read_from >= start
