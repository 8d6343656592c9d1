"""What is gathered between two writes, and when it is time to write."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sinks.source_records import SourceRecord
from sinks.tables import table_of

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch is full at so many records or bytes, and due when its first record has waited so long."""

    rows: int
    bytes: int
    seconds: float


@dataclass(slots=True)
class Batch:
    """Records by table, and the offsets to commit once all of them are written.

    `opened_at` is the time of the first record, by the clock of the caller; `homeless` are records that no
    table takes; `topics` are those that records were read from.
    """

    records: dict[str, list[SourceRecord]] = field(default_factory=dict)
    homeless: list[SourceRecord] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    topics: set[str] = field(default_factory=set)
    rows: int = 0
    bytes: int = 0
    opened_at: float | None = None

    def add(self, records: Iterable[SourceRecord], now: float) -> None:
        """Take records in the order they were read."""
        for record in records:
            table = table_of(record)
            target = self.homeless if table is None else self.records.setdefault(table, [])
            target.append(record)
            self.offsets[record.topic, record.partition] = record.offset + 1
            self.rows += 1
            self.bytes += record.size
        self.topics.update(topic for topic, _ in self.offsets)
        if self.rows and self.opened_at is None:
            self.opened_at = now

    def is_full(self, limits: Limits) -> bool:
        """Whether it must not grow any more."""
        return self.rows >= limits.rows or self.bytes >= limits.bytes

    def is_due(self, limits: Limits, now: float) -> bool:
        """Whether it is to be written now."""
        if self.opened_at is None:
            return False
        return self.is_full(limits) or now - self.opened_at >= limits.seconds

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Never commit for these: another sink has them and reads them again. Writing them is harmless."""
        for partition in partitions:
            self.offsets.pop(partition, None)
