"""Event time: epoch milliseconds, or RFC 3339 with a zone, cut (never rounded) to the millisecond."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from stream.core.log import LOG_APPEND_TIME, LogRecord
from stream.core.rejections import Reason, RejectedError
from stream.core.runs import Run

EARLIEST: Final = 946_684_800_000  # 2000-01-01T00:00:00Z
DAY_MS: Final = 86_400_000
MAX_INTERVAL_MS: Final = 31 * DAY_MS

_FAR: Final = 4_102_444_799_999  # the end of 2099

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_known: Final[dict[str, int]] = {}
_KNOWN_LIMIT: Final = 100_000
_LONGEST: Final = 64


def parse_timestamp(value: int | str) -> int:
    """Return epoch milliseconds.

    Raises:
        RejectedError: INVALID_FIELD, when the text is not RFC 3339 with a zone.
    """
    if isinstance(value, int):
        return value
    timestamp = _known.get(value)
    if timestamp is None:
        timestamp = _parse(value)
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        _known[value] = timestamp
    return timestamp


def _parse(text: str) -> int:
    match = _RFC3339.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise RejectedError(
            Reason.INVALID_FIELD,
            f"timestamp {text[:64]!r} is neither epoch milliseconds nor RFC 3339 with a zone "
            "(such as 2026-01-31T08:15:00.250Z)",
        )
    date: str = match[1]
    time: str = match[2]
    fraction: str | None = match[3]
    sign: str | None = match[4]
    hours: str | None = match[5]
    minutes: str | None = match[6]
    try:
        zone = _zone(sign, hours, minutes)
        moment = datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=zone)
        seconds = (moment - _EPOCH) // _MILLISECOND
    except (OverflowError, ValueError) as error:
        raise RejectedError(Reason.INVALID_FIELD, f"timestamp {text!r}: {error}") from None
    return seconds + int((fraction or "0")[:3].ljust(3, "0"))


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    if int(minutes) > 59:
        raise ValueError("the zone's minutes are over 59")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def latest_accepted(record: LogRecord) -> int:
    """Return the largest timestamp accepted of a record: a day past its append time.

    A record with its producer's own timestamp has no append time; there the end of the year 2099 bounds it.
    """
    return record.timestamp + DAY_MS if record.timestamp_type == LOG_APPEND_TIME else _FAR


def earliest_bound(run: Run) -> int:
    """Return a timestamp up to which every record of a run is accepted; a record may say more."""
    return run.start + DAY_MS if run.timestamp_type == LOG_APPEND_TIME else _FAR
