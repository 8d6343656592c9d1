"""How long a load can be repeated without counting twice, by the stream's rule for duplicates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Horizon:
    """Until when, and with how many other records on a partition meanwhile, a repeat is sure to be seen."""

    until: datetime
    other_records: int

    def __str__(self) -> str:
        return (
            f"until {self.until:%Y-%m-%d %H:%M:%S} UTC, as long as no partition of usage-events "
            f"gets more than {self.other_records:,} other records meanwhile"
        )


def horizon(
    spans: Mapping[int, tuple[int, int]], began_ms: int, dedupe_records: int, dedupe_seconds: int
) -> Horizon | None:
    """The horizon of a load that filled `spans` (partition: first offset, end offset) from `began_ms` on.

    An id is seen again in the generation of its first copy and in the next one, which lasts for
    `dedupe_records` records or `dedupe_seconds` of append time. So that many records, or less than that time,
    may lie between a first copy and its repeat. None: the load itself is longer than a repeat may be away,
    and the rows at its start would count again.
    """
    apart = max((end - first for first, end in spans.values()), default=0)
    if apart > dedupe_records:
        return None
    until = datetime.fromtimestamp(began_ms // 1000 + dedupe_seconds, UTC)
    return Horizon(until, dedupe_records - apart)
