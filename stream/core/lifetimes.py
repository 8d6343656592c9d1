"""How long sessions are open, and how long they are remembered."""

from dataclasses import dataclass
from typing import Final

from stream.core.timestamps import DAY_MS


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Milliseconds that sessions are open, and kept.

    Attributes:
        limit: After which an open session expires, from its start; or an end that waits, from that end.
        kept: After which a completed session is forgotten, from its last boundary. One that is not complete
            is kept for the 31 days longer in which a late end could complete it.
    """

    limit: int = DAY_MS
    kept: int = 7 * DAY_MS


DEFAULT_LIFETIMES: Final = Lifetimes()
