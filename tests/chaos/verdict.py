"""Compares what was counted with the truth; everything that differs is told, nothing is rounded."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from tests.chaos.meters import MEASURED
from tests.chaos.plan import Kind
from tests.chaos.truth import Cell, Truth, Usage

_SHOWN: Final = 5


class Bad(NamedTuple):
    """A record that is refused: what it says, and where it stands in the log."""

    text: str
    partition: int
    offset: int


class ChunkRow(NamedTuple):
    """A row of `usage_chunks`."""

    partition: int
    chunk_start: int
    row_version: int
    read: int
    control: int
    forwarded: int
    duplicate: int
    rejected: int
    unmatched: int
    accepted: int

    @property
    def outcomes(self) -> int:
        """All records that became something."""
        return sum(self[4:])


@dataclass
class Deviation:
    """By how much one meter is off: events and units that lack or are there twice, cells that differ."""

    lost_events: int = 0
    lost_units: Decimal = Decimal(0)
    doubled_events: int = 0
    doubled_units: Decimal = Decimal(0)
    cells: list[str] = field(default_factory=list)

    def add(self, cell: Cell, counted: Usage, true: Usage) -> None:
        """Take in a cell that differs."""
        self.lost_events += max(0, true.events - counted.events)
        self.doubled_events += max(0, counted.events - true.events)
        if cell.meter_id not in MEASURED:
            self.lost_units += max(Decimal(0), true.value - counted.value)
            self.doubled_units += max(Decimal(0), counted.value - true.value)
        self.cells.append(
            f"{cell.tenant_id}/{cell.customer_id} {cell.model} at {cell.window_start}: counted "
            f"{counted.events} events, {counted.value}; published {true.events}, {true.value}"
        )

    def __str__(self) -> str:
        shown = "".join(f"\n    {cell}" for cell in self.cells[:_SHOWN])
        return (
            f"lost {self.lost_events} events, {self.lost_units} units; doubled {self.doubled_events} events, "
            f"{self.doubled_units} units, in {len(self.cells)} cells{shown}"
        )


@dataclass
class Verdict:
    """What differs: `meters` by meter, and `faults` of the accounting, one line each."""

    meters: dict[str, Deviation] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs."""
        return not self.meters and not self.faults

    @property
    def lost(self) -> int:
        """Events that lack, of the meter where most do: an event counts for several."""
        return max((deviation.lost_events for deviation in self.meters.values()), default=0)

    @property
    def doubled(self) -> int:
        """Events counted twice, of the meter where most are."""
        return max((deviation.doubled_events for deviation in self.meters.values()), default=0)


def compare_usage(counted: Mapping[Cell, Usage], true: Mapping[Cell, Usage]) -> dict[str, Deviation]:
    """The meters that are off."""
    nothing = Usage(0, Decimal(0))
    deviations: dict[str, Deviation] = {}
    for cell in sorted(counted.keys() | true.keys()):
        one, other = counted.get(cell, nothing), true.get(cell, nothing)
        if one != other:
            deviations.setdefault(cell.meter_id, Deviation()).add(cell, one, other)
    return deviations


def chunk_faults(chunks: Iterable[ChunkRow], ends: Mapping[int, int]) -> Iterator[str]:
    """Chunks that do not balance, or do not tile their partition from 0 to its end.

    Args:
        chunks: By partition and start.
        ends: The end offset of each partition.
    """
    by_partition = {number: list(rows) for number, rows in groupby(chunks, key=lambda row: row.partition)}
    for partition, end in sorted(ends.items()):
        rows = by_partition.get(partition, [])
        for row in rows:
            if row.read != row.outcomes:
                yield f"chunk {partition}/{row.chunk_start}: read {row.read}, but {row.outcomes} outcomes"
            if row.read != row.row_version - row.chunk_start:
                yield f"chunk {partition}/{row.chunk_start}: read {row.read} up to {row.row_version}"
        edges = [(0, 0), *((row.chunk_start, row.row_version) for row in rows), (end, end)]
        for (_, stop), (start, _) in pairwise(edges):
            if stop != start:
                yield f"partition {partition}: a chunk ends at {stop}, the next begins at {start}"


def raw_faults(raw: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[str]:
    """Partitions of which not every record is stored."""
    for partition, end in sorted(ends.items()):
        if raw.get(partition, 0) != end:
            yield f"partition {partition}: {end} records, of which {raw.get(partition, 0)} are stored raw"


def outcome_faults(chunks: Iterable[ChunkRow], truth: Truth) -> Iterator[str]:
    """Outcomes that are not what the plan's events must come to."""
    total: Counter[str] = Counter()
    for row in chunks:
        total.update({"unmatched": row.unmatched, "accepted": row.accepted})
    true = {
        "unmatched": truth.events.get(Kind.NOISE, 0),
        "accepted": sum(truth.events.get(kind, 0) for kind in (Kind.CALL, Kind.LATE, Kind.PARTIAL)),
    }
    for outcome, events in true.items():
        if total[outcome] != events:
            yield f"{total[outcome]} events are {outcome}, and {events} must be"


def rejection_faults(rejected: Counter[Bad], malformed: Counter[Bad], published: int) -> Iterator[str]:
    """Bad records without exactly one dead letter, and dead letters of none."""
    for name, bads in (
        ("without a dead letter", malformed - rejected),
        ("more dead letters than records", rejected - malformed),
    ):
        if bads:
            yield f"{bads.total()} malformed {name}: {', '.join(map(str, list(bads)[:_SHOWN]))}"
    if (kinds := len({bad.text for bad in malformed})) != published:
        yield f"{published} malformed events were published, {kinds} are in the log"


def refusal_faults(refused: Counter[Bad], published: int) -> Iterator[str]:
    """Events one meter cannot use, which must have exactly one dead letter of it each."""
    events = Counter(bad.text for bad in refused.elements())
    if repeated := [event for event, times in events.items() if times > 1]:
        yield f"refused more than once: {', '.join(repeated[:_SHOWN])}"
    if len(events) != published:
        yield f"{published} events must be refused by one meter, {len(events)} are"
