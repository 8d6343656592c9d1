"""Tumbling windows, and intervals split over them."""

from hypothesis import given
from hypothesis import strategies as st

from stream.core.windows import split_interval, window_start


def test_windows_are_aligned_to_the_epoch_and_half_open() -> None:
    assert window_start(60_000, 60_000) == 60_000
    assert window_start(119_999, 60_000) == 60_000
    assert window_start(120_000, 60_000) == 120_000


def test_an_interval_is_split_to_the_millisecond() -> None:
    assert list(split_interval(59_999, 120_001, 60_000)) == [(0, 1), (60_000, 60_000), (120_000, 1)]


def test_an_interval_that_ends_with_a_window_does_not_touch_the_next() -> None:
    assert list(split_interval(60_000, 120_000, 60_000)) == [(60_000, 60_000)]


def test_an_empty_interval_touches_the_window_of_its_start() -> None:
    assert list(split_interval(60_000, 60_000, 60_000)) == [(60_000, 0)]


@given(
    start=st.integers(0, 10**7),
    length=st.integers(0, 10**6),
    window=st.sampled_from([1_000, 60_000, 3_600_000]),
)
def test_the_parts_add_up_and_lie_in_their_windows(start: int, length: int, window: int) -> None:
    parts = list(split_interval(start, start + length, window))

    assert sum(milliseconds for _, milliseconds in parts) == length
    assert [first for first, _ in parts] == sorted({first for first, _ in parts})
    assert all(first % window == 0 and 0 <= milliseconds <= window for first, milliseconds in parts)
