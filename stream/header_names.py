"""Header names that are no UTF-8, which Kafka takes from a producer and aiokafka cannot read.

One such record would stop a worker, and every one after it. aiokafka's decoder is compiled; its other one, in
Python, can be told to replace what it cannot read. It is slower, so it is used from the first such record on.
"""

import logging
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

logger = logging.getLogger(__name__)

_LATEST_FORMAT: Final = 2


def read_any_header_names() -> None:
    """From now on replace what is no UTF-8 in the names of headers, in this process."""
    if fetcher.MemoryRecords is not AnyNamesRecords:
        logger.warning("header names are read by a slower decoder, until this process is started again")
        fetcher.MemoryRecords = AnyNamesRecords


class _Name(bytearray):
    """A part of a record, which is decoded if it is a header's name."""

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


class _Records(bytearray):
    """The records of a batch."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _Name(part) if isinstance(index, slice) else part


class _AnyNamesBatch(_DefaultRecordBatchPy):
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Records):
            self._buffer = _Records(self._buffer)


class AnyNamesRecords(_MemoryRecordsPy):
    """The record batches of a fetch."""

    def next_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next batch, None after the last."""
        piece = self._next_slice
        batch = super().next_batch(*args, **kwargs)
        return _AnyNamesBatch(piece) if piece is not None and batch.magic >= _LATEST_FORMAT else batch
