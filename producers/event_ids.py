"""Random event ids, cheap enough to make one for each of several hundred thousand events a second."""

import os
from typing import Final

_ID_BYTES: Final = 16
_BATCH: Final = 1_024

_ready: list[str] = []
os.register_at_fork(after_in_child=_ready.clear)  # or parent and child would hand out the same ids


def new_event_id() -> str:
    """128 random bits as 32 hexadecimal digits, from the operating system's generator."""
    try:
        return _ready.pop()
    except IndexError:
        digits = os.urandom(_ID_BYTES * _BATCH).hex()
        width = 2 * _ID_BYTES
        _ready.extend(digits[start : start + width] for start in range(width, len(digits), width))
        return digits[:width]
