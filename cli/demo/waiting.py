"""Waits until an answer has no faults, and says which it had where it never does."""

import time
from collections.abc import Callable
from typing import Any, Final

from cli.demo.checking import shortened
from cli.errors import DemoError

Rows = list[dict[str, Any]]

_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2


def await_without_faults(
    ask: Callable[[], Rows], faults: Callable[[Rows], list[str]], otherwise: str, seconds: float = _SECONDS
) -> Rows:
    """The first answer without faults.

    Raises:
        DemoError: after so many seconds there still are some; it says `otherwise` and names them.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        found = faults(answer)
        if not found:
            return answer
        if time.monotonic() >= deadline:
            raise DemoError(f"{otherwise} after {seconds:.0f} s:\n{shortened(found)}")
        time.sleep(_POLL_SECONDS)
