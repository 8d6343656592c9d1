"""A record as it was read from Kafka, with the place it stood at."""

from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]


class SourceRecord(NamedTuple):
    """One Kafka record. A tuple, since hundreds of thousands a second are made and turned into columns.

    `append_time` is in epoch milliseconds; `topic_id` is the topic's UUID as Kafka writes it.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    append_time: int
    key: bytes
    value: bytes | None
    headers: Headers = ()

    def header(self, name: str) -> bytes | None:
        """The last value of that name, as Kafka's own clients read a header; None where there is none."""
        return next((value for key, value in reversed(self.headers) if key == name), None)

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key) + (len(self.value) if self.value else 0)


def lines_of(record: SourceRecord) -> list[SourceRecord]:
    """The record once for each line of its value: rows share a record, and are refused one by one."""
    lines = [line for line in (record.value or b"").split(b"\n") if line.strip()]
    return [record._replace(value=line) for line in lines]
