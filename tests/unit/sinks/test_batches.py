from sinks.batches import Batch, Limits
from sinks.source_records import SourceRecord

LIMITS = Limits(rows=3, bytes=1_000, seconds=0.5)


def event(offset: int, partition: int = 0, value: bytes = b"{}") -> SourceRecord:
    return SourceRecord("usage-events", "id", partition, offset, 0, b"", value)


def test_a_batch_is_due_once_its_first_record_has_waited_long_enough() -> None:
    batch = Batch()
    batch.add([event(0)], now=10.0)
    batch.add([event(1)], now=10.4)
    assert not batch.is_due(LIMITS, now=10.49)
    assert batch.is_due(LIMITS, now=10.5)


def test_a_full_batch_is_due_at_once() -> None:
    batch = Batch()
    batch.add([event(offset) for offset in range(3)], now=10.0)
    assert batch.is_due(LIMITS, now=10.0)


def test_few_large_records_fill_a_batch_too() -> None:
    batch = Batch()
    batch.add([event(0, value=b"x" * 1_000)], now=10.0)
    assert batch.is_full(LIMITS)


def test_an_empty_batch_is_never_due() -> None:
    batch = Batch()
    batch.add([], now=10.0)
    assert not batch.is_due(LIMITS, now=1e9)


def test_what_is_committed_is_the_offset_after_the_last_of_each_partition() -> None:
    batch = Batch()
    batch.add([event(4), event(5), event(9, partition=1)], now=0.0)
    assert batch.offsets == {("usage-events", 0): 6, ("usage-events", 1): 10}


def test_a_revoked_partition_is_written_but_never_committed() -> None:
    batch = Batch()
    batch.add([event(4), event(9, partition=1)], now=0.0)
    batch.forget([("usage-events", 0), ("usage-events", 7)])
    assert batch.offsets == {("usage-events", 1): 10}
    assert len(batch.records["raw_usage_events"]) == 2


def test_a_rollup_record_goes_where_its_header_says_and_is_homeless_without() -> None:
    batch = Batch()
    tables: list[bytes | None] = [b"usage_rollups", b"usage_chunks", b"no_such_table", None]
    batch.add(
        [
            SourceRecord("usage-rollups", "id", 0, offset, 0, b"", b"{}", (("meterstream-table", table),))
            for offset, table in enumerate(tables)
        ],
        now=0.0,
    )
    assert {name: len(records) for name, records in batch.records.items()} == {
        "usage_rollups": 1,
        "usage_chunks": 1,
    }
    assert [record.offset for record in batch.homeless] == [2, 3]
