"""What the harness asks of a peer, and how the peer tells how far it is.

It runs in every peer's own environment, on the standard library alone. Moments are told by the times of
files: that costs a peer next to nothing, and any language can do it.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Task:
    """Where the events are, how many, how late they may be, and where the rows go.

    A row is a line `meter|tenant|customer|window start in epoch seconds|amount`, one or more a record.
    """

    bootstrap_servers: str
    input: str
    output: str
    group: str
    events: int
    lateness_seconds: int
    directory: Path

    @classmethod
    def given(cls) -> "Task":
        """The task this process was started for."""
        return cls(
            bootstrap_servers=os.environ["BENCH_BOOTSTRAP_SERVERS"],
            input=os.environ["BENCH_INPUT"],
            output=os.environ["BENCH_OUTPUT"],
            group=os.environ["BENCH_GROUP"],
            events=int(os.environ["BENCH_EVENTS"]),
            lateness_seconds=int(os.environ["BENCH_LATENESS_SECONDS"]),
            directory=Path(os.environ["BENCH_DIRECTORY"]),
        )

    def tell_started(self) -> None:
        """It has been given its partitions, or its first event."""
        (self.directory / "started").touch()

    def tell_all_read(self) -> None:
        """Every event is in its hands."""
        (self.directory / "all-read").touch()

    def tell_grown(self) -> None:
        """Tables of its own have grown; the last word is taken for the time of the last row."""
        (self.directory / "grown").touch()


class Reading:
    """Counts the events read, and tells of the first and of the last."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.events = 0

    def add(self, events: int) -> None:
        """So many more were read."""
        if not events:
            return
        if not self.events:
            self._task.tell_started()
        self.events += events
        if self.events >= self._task.events > self.events - events:
            self._task.tell_all_read()
