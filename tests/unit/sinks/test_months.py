from calendar import timegm

import pytest

from sinks.months import MAX_MONTHS, by_append_month, by_window_month, month_of, window_months
from sinks.source_records import SourceRecord

MONTH_STARTS = [timegm((2000 + number // 12, number % 12 + 1, 1, 0, 0, 0)) for number in range(200)]


def rollup(*starts: int) -> SourceRecord:
    value = b"\n".join(b'{"window_start":%d,"meter_id":"m"}' % start for start in starts)
    return SourceRecord("usage-rollups", "id", 0, 0, 0, b"", value)


def test_a_month_ends_with_its_last_second_in_utc() -> None:
    march = timegm((2024, 3, 1, 0, 0, 0))
    assert month_of(march) == month_of(march - 1) + 1
    assert month_of(timegm((2024, 1, 1, 0, 0, 0))) == month_of(timegm((2023, 12, 31, 23, 59, 59))) + 1


def test_records_of_few_months_stay_one_block_as_they_are() -> None:
    records = [rollup(*MONTH_STARTS[:MAX_MONTHS]), rollup(MONTH_STARTS[0])]
    assert by_window_month(records) == [records]


def test_one_record_of_many_months_is_cut_into_blocks_of_few_and_loses_no_line() -> None:
    blocks = by_window_month([rollup(*MONTH_STARTS), rollup(*MONTH_STARTS)])
    values = [row.value or b"" for block in blocks for row in block]
    for block in blocks:
        assert len({month for row in block for month in window_months(row.value or b"")}) <= MAX_MONTHS
    assert sorted(values) == sorted(
        b'{"window_start":%d,"meter_id":"m"}' % start for start in MONTH_STARTS * 2
    )


def test_lines_without_a_window_share_a_block() -> None:
    garbage = SourceRecord("usage-rollups", "id", 0, 0, 0, b"", b"garbage")
    blocks = by_window_month([garbage, rollup(*MONTH_STARTS)])
    assert sum(row.value == b"garbage" for block in blocks for row in block) == 1


@pytest.mark.parametrize("value", [None, b"", b" \n"])
def test_a_record_without_a_line_is_not_lost_among_rows_of_many_months(value: bytes | None) -> None:
    empty = SourceRecord("usage-rollups", "id", 0, 7, 0, b"", value)
    blocks = by_window_month([rollup(*MONTH_STARTS), empty])
    assert sum(row == empty for block in blocks for row in block) == 1


def test_events_appended_in_many_months_are_cut_by_month() -> None:
    records = [
        SourceRecord("usage-events", "id", 0, offset, start * 1000, b"", b"")
        for offset, start in enumerate(MONTH_STARTS)
    ]
    blocks = by_append_month(records)
    assert [len(block) for block in blocks] == [90, 90, 20]
    assert by_append_month(records[:80]) == [records[:80]]
    assert by_append_month([]) == [[]]
