"""Moments: epoch milliseconds inside, RFC 3339 with a zone also accepted at the edges."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final

from schemas.errors import InvalidTimestampError
from schemas.limits import EPOCH

_ACCEPTED: Final = "give epoch milliseconds or RFC 3339 with a zone, such as 2026-01-31T12:00:00Z"
_MILLISECOND: Final = timedelta(milliseconds=1)
_RFC_3339: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def epoch_ms(moment: object) -> int:
    """Read a moment as milliseconds since 1970 in UTC; digits beyond milliseconds are cut, not rounded.

    Accepts an int, float or Decimal of epoch milliseconds, RFC 3339 text with a zone, an aware datetime.

    Raises:
        InvalidTimestampError: anything else, a missing zone included.
    """
    if isinstance(moment, bool):
        raise InvalidTimestampError(f"{moment} is not a timestamp: {_ACCEPTED}")
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        return _from_text(moment)
    if isinstance(moment, datetime):
        return _from_datetime(moment)
    if isinstance(moment, float | Decimal) and isfinite(moment):
        return int(moment)
    raise InvalidTimestampError(f"{moment!r} is not a timestamp: {_ACCEPTED}")


def utc_moment(value: object) -> datetime:
    """Read a moment in any form `epoch_ms` accepts as an aware datetime in UTC, to the millisecond.

    Raises:
        InvalidTimestampError: no such moment, or one outside the years 1 to 9999.
    """
    milliseconds = epoch_ms(value)
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise InvalidTimestampError(f"{value!r} lies outside the years 1 to 9999: {_ACCEPTED}") from error


def _from_datetime(value: datetime) -> int:
    if value.utcoffset() is None:
        raise InvalidTimestampError(f"{value.isoformat()} has no zone: {_ACCEPTED}")
    return (value - EPOCH) // _MILLISECOND


def _from_text(text: str) -> int:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise InvalidTimestampError(f"{text!r} is not a timestamp: {_ACCEPTED}")
    date, time, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{date}T{time}{zone.upper()}")
    except ValueError as error:
        raise InvalidTimestampError(f"{text!r} is not a timestamp ({error}): {_ACCEPTED}") from error
    return (whole.astimezone(UTC) - EPOCH) // _MILLISECOND + int(((fraction or "") + "000")[:3])
