"""How far each partition was read: a position that goes back may be another topic of the same name."""

from collections.abc import Iterable, Sequence

from sinks.source_records import SourceRecord


class Positions:
    """The last offset read of each partition since it was assigned."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}

    def gone_back(self, records: Sequence[SourceRecord]) -> set[str]:
        """Take note of records, in the order they were read; the topics whose position went back by them."""
        firsts = {(record.topic, record.partition): record.offset for record in reversed(records)}
        back = {place[0] for place, offset in firsts.items() if offset <= self._last.get(place, -1)}
        self._last |= {(record.topic, record.partition): record.offset for record in records}
        return back

    def forget(self, partitions: Iterable[tuple[str, int]]) -> None:
        """They are no longer assigned; who has them next may begin earlier."""
        for partition in partitions:
            self._last.pop(partition, None)
