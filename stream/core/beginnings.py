"""Where counting of a partition begins: at its pin, as far as the log still has what the pin speaks of."""

from dataclasses import dataclass
from typing import NamedTuple

from stream.core.chunks import is_control
from stream.core.log import LogRecord, Source
from stream.core.pins import Pin
from stream.core.runs import Run, Spacing
from stream.errors import LogTruncatedError


class LogBounds(NamedTuple):
    """A partition's log: its first offset, and the one its next record will have."""

    start: int
    end: int


class Remainder:
    """What is left of a run whose beginning the log has lost: passed over, never counted.

    Its rows would be less than those sent already, and take their place.

    Args:
        spacing: How the run was cut.
        bucket: That of the run; None for whatever run the log begins with.
    """

    __slots__ = ("_bucket", "_first", "_last", "_run", "_spacing")

    def __init__(self, spacing: Spacing, bucket: tuple[int, int] | None = None) -> None:
        self._spacing = spacing
        self._bucket = bucket
        self._run: Run | None = None
        self._first = -1
        self._last = -1

    def __str__(self) -> str:
        if self._first < 0:
            return "nothing was left to pass over"
        return f"offsets {self._first} to {self._last} were passed over"

    @property
    def offsets(self) -> int:
        """How many offsets were passed over."""
        return self._last - self._first + 1 if self._first >= 0 else 0

    def takes(self, record: LogRecord) -> bool:
        """Return whether the next record still belongs to it; to be called in order, until it does not."""
        if is_control(record):
            return False
        if self._run is None:
            if self._bucket is not None and self._spacing.bucket(record) != self._bucket:
                return False
            self._run, self._first = self._spacing.run_at(record), record.offset
        elif not self._run.holds(record):
            return False
        self._last = record.offset
        return True


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a partition is resumed.

    Attributes:
        read_from: The first offset to read.
        pin: Of the chunk to resume, where it can be.
        remainder: What to pass over first.
        fault: What is wrong, for people; empty where nothing is.
    """

    read_from: int
    pin: Pin | None = None
    remainder: Remainder | None = None
    fault: str = ""


def begin(
    source: Source, pin: Pin | None, bounds: LogBounds, spacing: Spacing, *, accept_log_start: bool
) -> Beginning:
    """Decide how a partition is resumed.

    Args:
        source: With the topic's id of now.
        pin: The group's commit, None where there is none.
        bounds: Of the log now.
        spacing: How a new chunk is cut.
        accept_log_start: Whether a log that does not begin at 0 may be counted from where it does.

    Raises:
        LogTruncatedError: The log ends before the pin.
    """
    if pin is None:
        return _begin_unpinned(source, bounds, spacing, accept_log_start=accept_log_start)
    if pin.topic_id != source.topic_id:
        fault = (
            f"{source} was made anew: its pin at offset {pin.chunk_start} is of the topic with id "
            f"{pin.topic_id}, which is gone with what was not counted of it; the one with id "
            f"{source.topic_id} is counted from its first record, at offset {bounds.start}"
        )
        return Beginning(bounds.start, fault=fault)
    if pin.chunk_start > bounds.end:
        raise LogTruncatedError(
            f"{source} is pinned at offset {pin.chunk_start} and its log ends at {bounds.end}: the brokers "
            "have lost records that were counted. Find out why before new ones take their offsets; to go on, "
            "delete the topic and make it anew, or delete the consumer group's offsets"
        )
    if pin.chunk_start < bounds.start:
        return _begin_after_retention(source, pin, bounds)
    if pin.previous_generation < bounds.start:
        fault = (
            f"{source}: offsets {pin.previous_generation} to {bounds.start - 1} were deleted, and with them "
            "event ids that repeats are told by: a repeat of one of them may be counted. Retention should be "
            "at least four times METERSTREAM_DEDUPE_SECONDS; of a partition that is rarely used, they are old"
        )
        return Beginning(bounds.start, pin, fault=fault)
    return Beginning(pin.previous_generation, pin)


def _begin_unpinned(
    source: Source, bounds: LogBounds, spacing: Spacing, *, accept_log_start: bool
) -> Beginning:
    if bounds.start == 0 or accept_log_start:
        return Beginning(bounds.start)
    fault = (
        f"{source} has no committed offset and its log begins at {bounds.start}: what was counted of it is "
        "unknown, so the rest of its first chunk is passed over. If nothing ever was, set "
        "METERSTREAM_ACCEPT_LOG_START=true at the first start"
    )
    return Beginning(bounds.start, remainder=Remainder(spacing), fault=fault)


def _begin_after_retention(source: Source, pin: Pin, bounds: LogBounds) -> Beginning:
    if pin.begins_with_control and bounds.start == pin.chunk_start + 1:
        return Beginning(bounds.start, pin)  # what is gone of the chunk is no usage
    fault = (
        f"{source}: offsets {pin.chunk_start} to {bounds.start - 1} were deleted before they were counted "
        "to the end: what is left of their chunk is passed over. Usage may be lost; let retention be longer "
        "than any outage of the workers"
    )
    return Beginning(bounds.start, remainder=Remainder(pin.chunk_spacing, pin.bucket), fault=fault)


def begins_chunk(record: LogRecord, pin: Pin) -> bool:
    """Return whether the first record left of a pinned chunk's successors cannot be of that chunk."""
    return is_control(record) or pin.chunk_spacing.bucket(record) != pin.bucket
