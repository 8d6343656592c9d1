"""Tumbling windows of event time, aligned to the epoch."""

from collections.abc import Iterator
from typing import Final

MAX_WINDOWS: Final = 50_000
"""Of one interval: a month of minutes. One event must not make more rows than a worker can hold."""


def too_many_windows(start: int, end: int, window_ms: int) -> bool:
    """Return whether an interval touches more windows than one meter counts."""
    return (end - window_start(start, window_ms)) > MAX_WINDOWS * window_ms


def window_start(timestamp: int, window_ms: int) -> int:
    """Return the start of the window that holds a timestamp; both in epoch milliseconds."""
    return timestamp - timestamp % window_ms


def split_interval(start: int, end: int, window_ms: int) -> Iterator[tuple[int, int]]:
    """Yield (window start, milliseconds inside it) for every window the interval [start, end) touches.

    The parts add up to exactly end - start. An empty interval touches the window of its start, with 0.
    """
    window = window_start(start, window_ms)
    yield window, min(end, window + window_ms) - start
    while (window := window + window_ms) < end:
        yield window, min(end, window + window_ms) - window
