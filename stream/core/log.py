"""The log as the core sees it: records with offsets, whoever fetched them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple, Protocol

LOG_APPEND_TIME: Final = 1
"""The timestamp type of a record stamped by the broker; 0 is the producer's own."""


class LogRecord(Protocol):
    """One record of a partition; what aiokafka's reader makes of one fits."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Record(NamedTuple):
    """A plain LogRecord."""

    offset: int
    timestamp: int
    timestamp_type: int = LOG_APPEND_TIME
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Stretch(NamedTuple):
    """Consecutive records of one timestamp type and, where the broker stamps them, of one append time.

    Kafka's own batches are such stretches, so whoever reads them need not look at each record's time.
    """

    records: Sequence[LogRecord]

    @property
    def time(self) -> tuple[int, int]:
        """What its records share: the timestamp type, and the append time, 0 where there is none."""
        return _time(self.records[0])


def stretches(records: Iterable[LogRecord]) -> list[Stretch]:
    """Cut records into stretches."""
    return [Stretch(list(group)) for _, group in groupby(records, _time)]


def _time(record: LogRecord) -> tuple[int, int]:
    is_appended = record.timestamp_type == LOG_APPEND_TIME
    return record.timestamp_type, record.timestamp if is_appended else 0


@dataclass(frozen=True, slots=True)
class Source:
    """A partition of a topic that may have been made anew: the id tells the two apart."""

    topic: str
    topic_id: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"
