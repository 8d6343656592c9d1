"""How many copies of a record must be written before its producer is told that it is stored."""

from typing import Final

MIN_IN_SYNC: Final = "min.insync.replicas"


def min_in_sync(replicas: int) -> int:
    """Copies that must be written, of so many there are.

    Of three, two: one broker may be away and everything goes on, and what was acknowledged is on another when
    one is lost. With fewer than three a broker's absence would stop all writing, so one copy is enough.
    """
    return 2 if replicas >= 3 else 1
