"""The bounds of an event, each decidable from the record alone, whoever reads it and whenever.

Models here check shapes and lengths of ids. Bounds of time and of numbers are decided in one place, the
stream, which sends what lies outside to the dead letters; these are the figures it uses.
"""

from datetime import UTC, datetime
from typing import Final

MAX_ID_BYTES: Final = 512
"""Of an id or a group value, in UTF-8."""

EARLIEST_TIMESTAMP_MS: Final = 946_684_800_000
"""The first millisecond of the year 2000 in UTC."""

MAX_TIMESTAMP_AHEAD_MS: Final = 86_400_000
"""How far an event's timestamp may lie after the broker appended it: one day."""

MAX_INTERVAL_MS: Final = 31 * 86_400_000
"""The longest interval of one event: 31 days."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
