"""What is measured of one contestant once, and what is said where nothing could be."""

from dataclasses import dataclass
from typing import Final

ALL_RIGHT: Final = ""


@dataclass(frozen=True, slots=True)
class Round:
    """One contestant's run over its events.

    Attributes:
        seconds: From the moment it had its partitions, or its first event, to the time of its last row.
        cpu_seconds: Of its process in that time, all threads.
        broker_cpu_seconds: Of the broker in that time.
        peak_mb: Most memory resident at any time, in units of 1e6 bytes.
        rows: How many rows it wrote; totals it wrote again count again.
        load: Load average of the machine over the last minute, at the end.
        emit_seconds: From the last event read to the last row; None where nobody can tell.
        fault: How its totals differ from what was published; empty where they are right.
    """

    contestant: str
    events: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int
    load: float
    broker_cpu_seconds: float = 0.0
    emit_seconds: float | None = None
    fault: str = ALL_RIGHT

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6

    @property
    def broker_cpu_seconds_per_million(self) -> float:
        return self.broker_cpu_seconds / self.events * 1e6

    @property
    def cores(self) -> float:
        """Cores it had on the average: below 1 with work left to do, others took its core."""
        return self.cpu_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """A contestant that could not be made ready, or whose round gave no figures, and why, in one line."""

    contestant: str
    reason: str
