"""Moments as people write them on a command line or in a CSV file."""

import re
from datetime import datetime
from typing import Final

from cli.errors import MomentError
from schemas import InvalidTimestampError, epoch_ms, utc_moment

_NAIVE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?)?", re.ASCII)
_EPOCH: Final = re.compile(r"-?\d+", re.ASCII)


def utc_ms(text: str) -> int:
    """Read a moment as epoch milliseconds; one without a zone is UTC, digits beyond milliseconds are cut.

    Epoch milliseconds, RFC 3339, `2023-11-16 18:15:46.6805900` and a date, which is its midnight.

    Raises:
        MomentError: none of these.
    """
    if _EPOCH.fullmatch(text):
        return int(text)
    naive = _NAIVE.fullmatch(text)
    try:
        return epoch_ms(text if naive is None else f"{naive[1]}T{naive[2] or '00:00'}{naive[3] or ':00'}Z")
    except InvalidTimestampError as error:
        raise MomentError(
            f"{text!r} is not a moment: write epoch milliseconds, or 2026-01-31 12:00:00 (UTC), "
            "or 2026-01-31T12:00:00+01:00"
        ) from error


def zoned_moment(text: str) -> datetime:
    """Read RFC 3339 with a zone as a moment in UTC.

    Raises:
        MomentError: anything else, a moment without a zone included.
    """
    try:
        return utc_moment(text)
    except InvalidTimestampError as error:
        raise MomentError(
            f"{text!r} is not a moment with a zone: write it as 2026-01-31T12:00:00Z"
        ) from error
