"""Counts the events of a file with the counting of the bare loops: `python loop.py FILE EVENTS`."""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from totals import Totals

_FETCHED = 1_000


def count(values: Sequence[bytes]) -> list[bytes]:
    """Count events in fetches of a thousand, and return their rows."""
    totals = Totals()
    for start in range(0, len(values), _FETCHED):
        totals.fold(values[start : start + _FETCHED])
    return list(totals.take_rows())


def main() -> None:
    with Path(sys.argv[1]).open("rb") as file:
        count([line.rstrip(b"\n") for line in islice(file, int(sys.argv[2]))])


if __name__ == "__main__":
    main()
