"""What becomes of a job: it is done, to be tried again, or failed. Nothing here does I/O."""

import random
from dataclasses import dataclass
from typing import Final, Literal

from producers.errors import (
    BrokerUnavailableError,
    DeliveryError,
    OutboxError,
    PublishError,
    TopicMissingError,
    TransactionError,
)

_WORTH_REPEATING: Final = (
    BrokerUnavailableError,
    DeliveryError,
    OutboxError,
    PublishError,
    TopicMissingError,
    TransactionError,
)
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_REASON_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """Done, postponed (sent again, with its id), or failed (not tried again by itself); `reason` says why.

    Of a job in doubt only Kafka knows: it stays doing until Kafka was asked.
    """

    state: Literal["done", "postponed", "failed", "in doubt"]
    reason: str = ""


DONE: Final = Outcome("done")


def outcome_of(error: BaseException) -> Outcome:
    """A handler's error: where the destination is away the job waits for it, anything else fails the job."""
    name = type(error).__name__
    if isinstance(error, _WORTH_REPEATING):
        return Outcome("postponed", f"{name}: {error}"[:_REASON_CHARACTERS])
    return Outcome("failed", f"{name}: {error}"[:_REASON_CHARACTERS])


def pause_after(postponements: int, chance: float | None = None) -> float:
    """Seconds to wait after so many postponements in a row: longer each time, and never all at once.

    `chance` is from 0 to 1; None: random.
    """
    if not postponements:
        return 0.0
    longest: float = min(_FIRST_PAUSE_SECONDS * 2 ** min(postponements - 1, 10), _LONGEST_PAUSE_SECONDS)
    drawn = random.random() if chance is None else chance  # noqa: S311 - no secret
    return longest * (1 + drawn) / 2
