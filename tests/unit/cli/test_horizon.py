"""What `load` promises about repeats, held against the stream's rule for duplicates itself."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cli.horizon import horizon

RECORDS, SECONDS = 100, 3_600
HOUR_MS = 3_600_000


def generations(log: list[tuple[int, int]], starts: int) -> list[int]:
    """Number each record's dedupe generation, the first of which began `starts` records before the log."""
    numbers, (start, since) = [0], (log[0][0] - starts, log[0][1])
    for offset, second in log[1:]:
        is_over = offset - start >= RECORDS or second - since >= SECONDS
        if is_over:
            start, since = offset, second
        numbers.append(numbers[-1] + is_over)
    return numbers


def test_a_load_may_be_repeated_for_as_long_as_a_generation_lasts() -> None:
    found = horizon({0: (0, 10), 1: (85, 95)}, HOUR_MS // 2, RECORDS, SECONDS)
    assert found is not None
    assert found.until == datetime(1970, 1, 1, 1, 30, tzinfo=UTC)
    assert found.other_records == 90


def test_a_load_of_more_than_a_generation_is_not_to_be_repeated() -> None:
    assert horizon({0: (0, 101), 1: (0, 1)}, 0, RECORDS, SECONDS) is None


def test_a_load_of_nothing_may_always_be_repeated() -> None:
    assert horizon({0: (5, 5)}, 0, RECORDS, SECONDS) is not None


def test_it_is_said_in_utc_and_in_records() -> None:
    found = horizon({0: (0, 10)}, HOUR_MS // 2, 100_000, SECONDS)
    assert "until 1970-01-01 01:30:00 UTC" in str(found)
    assert "more than 99,990 other records" in str(found)


@given(
    first=st.integers(0, 250),
    length=st.integers(1, 110),
    began=st.integers(0, 2 * SECONDS),
    took=st.integers(0, 20),
    starts=st.integers(0, RECORDS - 1),
    data=st.data(),
)
def test_within_the_horizon_every_repeat_is_a_duplicate(
    first: int, length: int, began: int, took: int, starts: int, data: st.DataObject
) -> None:
    found = horizon({0: (first, first + length)}, began * 1000, RECORDS, SECONDS)
    if found is None:
        assert length > RECORDS
        return
    last_second = int(found.until.timestamp()) - 1
    load_ends = min(began + took, last_second)
    others = data.draw(st.integers(0, found.other_records))
    repeat = data.draw(st.integers(load_ends, last_second))
    other_seconds = sorted(data.draw(st.integers(load_ends, repeat)) for _ in range(min(others, 5)))
    other_seconds += [repeat] * (others - len(other_seconds))
    load = [(first + row, began if row < length // 2 else load_ends) for row in range(length)]
    after = first + length
    meanwhile = [(after + position, second) for position, second in enumerate(other_seconds)]
    again = [(after + others + row, repeat) for row in range(length)]
    numbers = generations(load + meanwhile + again, starts)
    assert all(second - first <= 1 for first, second in zip(numbers, numbers[-length:], strict=False))
