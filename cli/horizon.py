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

    An id is seen again in the generation of its first copy and in the next one; a generation ends at every
    multiple of `dedupe_records` offsets and of `dedupe_seconds` of append time. So from a first copy to its
    repeat the log may pass one such end, whichever comes first, and not two. None: the load itself is longer
    than a repeat may be away, and the rows at its start would count again.
    """
    spans = {partition: span for partition, span in spans.items() if span[1] > span[0]}
    next_end = began_ms // 1000 // dedupe_seconds + 1
    apart = max((end - first for first, end in spans.values()), default=0)
    if apart > dedupe_records:
        return None
    room = min((_room(*span, dedupe_records) for span in spans.values()), default=dedupe_records)
    if room >= apart:  # no end by number in sight, so one by time may pass
        return Horizon(_moment((next_end + 1) * dedupe_seconds), room)
    return Horizon(_moment(next_end * dedupe_seconds), dedupe_records - apart)


def _room(first: int, end: int, dedupe_records: int) -> int:
    """Records that fit between a load and its repeat, with both in the generation the load began in."""
    generation_end = (first // dedupe_records + 1) * dedupe_records
    return generation_end - end - (end - first)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
