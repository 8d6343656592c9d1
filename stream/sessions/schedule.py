"""What is due when: keys by moment, in buckets, so that millions of them cost little to keep."""

import heapq
from collections.abc import Iterator


class Schedule:
    """Keys and the moments at which to look at them; a key may be there several times, or in vain.

    Args:
        width: Of a bucket: a key is due at the end of its own, so that late it may be, but never early.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._buckets: dict[int, list[bytes]] = {}
        self._order: list[int] = []

    def add(self, key: bytes, moment: int) -> None:
        """Have a key be due at a moment."""
        bucket = -(-moment // self._width)
        keys = self._buckets.get(bucket)
        if keys is None:
            self._buckets[bucket] = keys = []
            heapq.heappush(self._order, bucket)
        keys.append(key)

    def due(self, now: int) -> Iterator[bytes]:
        """Take out the keys due by now; what is not asked for stays."""
        while self._order and self._order[0] * self._width <= now:
            keys = self._buckets[self._order[0]]
            while keys:
                yield keys.pop()
            del self._buckets[heapq.heappop(self._order)]
