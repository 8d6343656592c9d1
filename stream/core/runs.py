"""Runs of consecutive records: chunks, and what of a dedupe generation lies ahead."""

from dataclasses import dataclass
from typing import Final

from stream.core.log import LOG_APPEND_TIME, LogRecord

ALWAYS: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Spacing:
    """How a log is cut: into chunks at every multiple of `records` offsets and of `seconds` of append time.

    For dedupe generations the two are measured from a generation's first record.
    """

    records: int
    seconds: int

    def run_at(self, record: LogRecord) -> "Run":
        """Return the run a record stands in; a producer's own timestamp takes no part in it."""
        end_offset = (record.offset // self.records + 1) * self.records
        if record.timestamp_type != LOG_APPEND_TIME:
            return Run(end_offset, record.timestamp_type, -ALWAYS, ALWAYS)
        length = self.seconds * 1000
        start = record.timestamp // length * length
        return Run(end_offset, record.timestamp_type, start, start + length)

    def bucket(self, record: LogRecord) -> tuple[int, int]:
        """Return what all records of a run share."""
        seconds = record.timestamp // 1000 // self.seconds if record.timestamp_type == LOG_APPEND_TIME else 0
        return record.offset // self.records, seconds


@dataclass(frozen=True, slots=True)
class Run:
    """A run of records: those up to an offset and within a span of append time.

    Attributes:
        end_offset: First offset past it.
        timestamp_type: Kafka's; one run has one.
        start: Least append time in it, epoch milliseconds.
        end: First append time past it.
    """

    end_offset: int
    timestamp_type: int
    start: int
    end: int

    def holds(self, record: LogRecord) -> bool:
        """Return whether a record after the run's first belongs to it, if all between the two do."""
        return (
            record.offset < self.end_offset
            and self.start <= record.timestamp < self.end
            and record.timestamp_type == self.timestamp_type
        )

    def overlap(self, other: "Run") -> "Run":
        """Return the run of what belongs to both."""
        return Run(
            min(self.end_offset, other.end_offset),
            self.timestamp_type,
            max(self.start, other.start),
            min(self.end, other.end),
        )
