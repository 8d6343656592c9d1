"""Where every record of a chunk went."""

from dataclasses import dataclass, field

from stream.core.log import LogRecord
from stream.core.rejections import RejectedError
from stream.core.wire import Boundary


@dataclass(slots=True)
class Outcomes:
    """How the records read of a chunk ended: each has exactly one outcome.

    `meter_rejections` counts beside them: an accepted event may have been refused by one of its meters.
    """

    read: int = 0
    control: int = 0
    forwarded: int = 0
    duplicate: int = 0
    rejected: int = 0
    unmatched: int = 0
    accepted: int = 0
    meter_rejections: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record, or one meter's use of it, to be sent to the dead letters."""

    record: LogRecord
    reason: str
    detail: str
    meter_id: str = ""


@dataclass(slots=True)
class Emissions:
    """What counting produced beside totals: acknowledged by the broker before the next chunk is pinned."""

    refusals: list[Refusal] = field(default_factory=list)
    boundaries: list[tuple[LogRecord, Boundary]] = field(default_factory=list)

    def refuse(self, record: LogRecord, refused: RejectedError, meter_id: str = "") -> None:
        """Keep a dead letter: of the whole record, or of one meter's use of it."""
        self.refusals.append(Refusal(record, refused.reason, refused.detail, meter_id))
