"""Waiting for ClickHouse to come back: for ever, with growing pauses that differ between sinks."""

import logging
import random
from collections.abc import Callable
from threading import Event
from typing import Final

from sinks.errors import ClickHouseAwayError, ClickHouseFailsError

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_FIRST_SAID: Final = frozenset({0, 3, 10, 30})
_SAID_EVERY: Final = 60

log = logging.getLogger(__name__)


def pause_seconds(attempt: int, chance: float) -> float:
    """How long to wait after failure `attempt` (from 0); `chance` in [0, 1) spreads sinks over half of it."""
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 16))
    return longest * (0.5 + chance / 2)


def is_said(attempt: int) -> bool:
    """Whether failure `attempt` (from 0) is worth a line: ever fewer, down to one in some minutes."""
    return attempt in _FIRST_SAID or attempt % _SAID_EVERY == 0


def retry_while_away(action: Callable[[], None], table: str, stop: Event) -> None:
    """Do it again until ClickHouse is there to do it; what fails is said with the table's name.

    Raises:
        ClickHouseAwayError: `stop` was set before it came back.
        RowsRefusedError: it came back and refuses the rows.
    """
    attempt = 0
    while True:
        try:
            action()
        except ClickHouseAwayError as error:
            if is_said(attempt):
                _say(error, table, attempt + 1)
            if stop.wait(pause_seconds(attempt, random.random())):  # noqa: S311 - spreads load, hides nothing
                raise
            attempt += 1
        else:
            if attempt:
                log.info("clickhouse takes rows again: table=%s attempts=%d", table, attempt + 1)
            return


def _say(error: ClickHouseAwayError, table: str, attempts: int) -> None:
    if not isinstance(error, ClickHouseFailsError):
        log.warning("clickhouse is away, waiting: table=%s attempts=%d error=%s", table, attempts, error)
        return
    log.error(
        "clickhouse answers and cannot take rows, waiting: table=%s attempts=%d error=%s "
        "(no row is dropped: mend what it names, as space on its disk, rights, or tables by "
        "`meterstream migrate`, and the sink goes on)",
        table,
        attempts,
        error,
    )
