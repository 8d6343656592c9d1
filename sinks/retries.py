"""Waiting for ClickHouse to come back: for ever, with growing pauses that differ between sinks."""

import logging
import random
from collections.abc import Callable
from threading import Event
from typing import Final

from sinks.errors import ClickHouseAwayError

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_LOG_EVERY: Final = 10

log = logging.getLogger(__name__)


def pause_seconds(attempt: int, chance: float) -> float:
    """How long to wait after failure `attempt` (from 0); `chance` in [0, 1) spreads sinks over half of it."""
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 16))
    return longest * (0.5 + chance / 2)


def retry_while_away(action: Callable[[], None], stop: Event) -> None:
    """Do it again until ClickHouse is there to do it.

    Raises:
        ClickHouseAwayError: `stop` was set before it came back.
        RowsRefusedError: it came back and refuses the rows.
    """
    attempt = 0
    while True:
        try:
            action()
        except ClickHouseAwayError as error:
            if attempt % _LOG_EVERY == 0:
                log.warning("clickhouse is away, waiting: attempt=%d error=%s", attempt + 1, error)
            if stop.wait(pause_seconds(attempt, random.random())):  # noqa: S311 - spreads load, hides nothing
                raise
            attempt += 1
        else:
            if attempt:
                log.info("clickhouse is back: attempts=%d", attempt + 1)
            return
