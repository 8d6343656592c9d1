"""What aiokafka fetched, a batch of Kafka's at a time, in place of an object made of every record.

aiokafka makes a ConsumerRecord of each record, which costs as much as to decode its JSON. Its compiled reader
has records already, with the same attributes; they are handed on as they are, in the batches they came in.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from stream.core.log import LogRecord, Stretch


def read_whole_batches() -> None:
    """From now on have this process's consumers return stretches in place of records."""
    fetcher.PartitionRecords = WholeBatches
    fetcher.FetchResult = WholeBatchResult


class WholeBatches(fetcher.PartitionRecords):
    """Yields each batch's records that are to be read: all have one time, or their producers' own."""

    def _unpack_records(self) -> Iterator[Stretch]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"a batch of {self._tp} fails its checksum")
            if not self._is_aborted(batch) and not batch.is_control_batch:
                found = self._wanted(batch)
                if found:
                    self.next_fetch_offset = found[-1].offset + 1
                    yield Stretch(found)
            # Past what compaction has removed at the batch's end, too, or it would be fetched for ever.
            self.next_fetch_offset = batch.next_offset

    def _wanted(self, batch: Any) -> list[LogRecord]:
        """Return the batch's records from the position on: a fetch begins with a whole batch."""
        records = list(batch)
        if records and records[0].offset < self.next_fetch_offset:
            return [record for record in records if record.offset >= self.next_fetch_offset]
        return records

    def _is_aborted(self, batch: Any) -> bool:
        """Return whether a batch belongs to a transaction that was aborted, by the list the broker sent."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional) and batch.producer_id in self._aborted_producers


class WholeBatchResult(fetcher.FetchResult):
    """What was fetched of one partition."""

    _partition_records: WholeBatches | None

    def getall(self, max_records: int | None = None) -> list[Stretch]:
        """Take whole batches until there are `max_records` or more."""
        taken: list[Stretch] = []
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return taken
        room = float("inf") if max_records is None else max_records
        for stretch in self._partition_records or ():
            _append(taken, stretch)
            room -= len(stretch.records)
            if room <= 0:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken


def _append(taken: list[Stretch], stretch: Stretch) -> None:
    """Append a stretch, to the one before where both have one time: a producer may send small batches."""
    if taken and taken[-1].time == stretch.time:
        taken[-1].records.extend(stretch.records)  # type: ignore[attr-defined] # lists, as made above
    else:
        taken.append(stretch)
