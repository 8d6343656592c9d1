"""What the worker wrote to `usage-rollups`, read as ClickHouse would: a row's newest version counts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from confluent_kafka import Message

from benchmarks.errors import MiscountError
from benchmarks.truth import METERS, Cell, Truth, differences
from schemas import TABLE_HEADER, AggregationType, ChunkAccounting

_SHOWN: Final = 10
_SUMS: Final = frozenset(
    meter.id for meter in METERS if meter.aggregation and meter.aggregation.type is AggregationType.SUM
)


class RollupLog:
    """The rows of one run.

    Rows of rollups are kept as they came and read when all are there: reading them meanwhile would take the
    broker's core. They are complete once the accounting, which is written last, adds up to every record.
    """

    def __init__(self, records: int) -> None:
        self.rows = 0
        self.last_time = 0.0
        self._records = records
        self._rollups: list[bytes] = []
        self._accounting: dict[tuple[int, int], ChunkAccounting] = {}

    def take(self, message: Message) -> None:
        """Take in one record of the topic."""
        value = message.value() or b""
        self.rows += value.count(b"\n") + 1
        self.last_time = max(self.last_time, message.timestamp()[1] / 1000)
        table = dict(message.headers() or ())[TABLE_HEADER]
        if table == b"usage_rollups":
            self._rollups.append(value)
        else:
            for line in value.splitlines():
                self._account(ChunkAccounting.from_json(line))

    def _account(self, chunk: ChunkAccounting) -> None:
        identity = (chunk.partition, chunk.chunk_start)
        known = self._accounting.get(identity)
        if known is None or known.row_version <= chunk.row_version:
            self._accounting[identity] = chunk

    def accounted(self) -> Counter[str]:
        """Add up how the records read ended, over all chunks."""
        total: Counter[str] = Counter()
        for chunk in self._accounting.values():
            total.update({name: getattr(chunk, name) for name in _OUTCOMES})
        return total

    def is_complete(self) -> bool:
        """Whether every record on the topic is accounted for."""
        return sum(chunk.read for chunk in self._accounting.values()) >= self._records

    def progress(self) -> str:
        read = sum(chunk.read for chunk in self._accounting.values())
        return f"{read:,} of {self._records:,} records were accounted for"

    def totals(self) -> dict[Cell, Decimal]:
        """Add up the newest version of each row, over all chunks."""
        newest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self._read_rollups():
            identity = _identity(row)
            known = newest.get(identity)
            if known is None or known["row_version"] <= row["row_version"]:
                newest[identity] = row
        totals: defaultdict[Cell, Decimal] = defaultdict(Decimal)
        for row in newest.values():
            cell = Cell(row["meter_id"], row["tenant_id"], row["customer_id"], row["window_start"])
            totals[cell] += Decimal(row["sum"] if row["meter_id"] in _SUMS else row["event_count"])
        return totals

    def _read_rollups(self) -> Iterator[dict[str, Any]]:
        for value in self._rollups:
            yield from map(orjson.loads, value.splitlines())

    def verify(self, truth: Truth) -> None:
        """Compare every cell and every outcome with what was published.

        Raises:
            MiscountError: naming what differs.
        """
        faults = [
            f"{name}: {self.accounted()[name]} accounted for, {count} published"
            for name, count in _expected(truth, self._records).items()
            if self.accounted()[name] != count
        ]
        faults += [
            f"chunk {chunk} is not balanced" for chunk in self._accounting.values() if not chunk.is_balanced
        ]
        faults += differences(self.totals(), truth.once)
        if faults:
            raise MiscountError(
                f"the worker miscounted in {len(faults)} places:\n  " + "\n  ".join(faults[:_SHOWN])
            )


_OUTCOMES: Final = (
    "read",
    "control",
    "forwarded",
    "duplicate",
    "rejected",
    "unmatched",
    "accepted",
    "meter_rejections",
)


def _expected(truth: Truth, records: int) -> Mapping[str, int]:
    return {
        "read": records,
        "control": records - truth.events,
        "forwarded": 0,
        "duplicate": truth.duplicates,
        "rejected": 0,
        "unmatched": truth.unmatched,
        "accepted": truth.accepted,
        "meter_rejections": 0,
    }


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["tenant_id"],
        row["environment_id"],
        row["meter_id"],
        row["meter_version"],
        row["customer_id"],
        row["window_start"],
        row["source_partition"],
        row["chunk_start"],
    )
