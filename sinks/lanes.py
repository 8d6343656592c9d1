"""What goes into ClickHouse side by side: raw events are many and heavy, and rows must not wait for them."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from sinks.batches import Batch, Limits
from sinks.batches import TopicPartition as Place
from sinks.flights import Flight
from sinks.source_records import SourceRecord

Launch = Callable[[Batch], Flight]


@dataclass(slots=True)
class Lane:
    """The records of some topics: a batch that is gathered, while the one before it is written.

    Attributes:
        topics: Whose records it takes.
        is_paused: Whether these topics are read no further for now.
    """

    topics: Collection[str]
    launch: Launch
    limits: Limits
    is_paused: bool = False
    _batch: Batch = field(default_factory=Batch)
    _flight: Flight | None = None

    @property
    def rows(self) -> int:
        """How many records are gathered and not on their way."""
        return self._batch.rows

    @property
    def is_full(self) -> bool:
        """Whether it must take no more for now."""
        return self._batch.is_full(self.limits)

    @property
    def is_writing(self) -> bool:
        """Whether a batch is on its way."""
        return self._flight is not None

    def add(self, records: Iterable[SourceRecord], now: float) -> None:
        """Take those records that are of its topics, in the order they were read."""
        self._batch.add([record for record in records if record.topic in self.topics], now)

    def write_if_due(self, now: float) -> None:
        """Begin to write what is gathered, if it is time and nothing is being written."""
        if self._flight is None and self._batch.is_due(self.limits, now):
            self._launch()

    def land(self, seconds: float) -> Batch | None:
        """The batch that was being written, once it is, waiting so long for it; raises what went wrong."""
        flight = self._flight
        if flight is None or not flight.wait(seconds):
            return None
        self._flight = None
        return flight.batch

    def write_all(self) -> None:
        """Begin to write what is gathered, however little it is, if nothing is being written."""
        if self._flight is None and self._batch.rows:
            self._launch()

    def forget(self, places: Iterable[Place]) -> None:
        """Never commit for these: another sink has them and reads them again."""
        gone = list(places)
        self._batch.forget(gone)
        if self._flight is not None:
            self._flight.batch.forget(gone)

    def abandon(self) -> None:
        """Write nothing any more."""
        if self._flight is not None:
            self._flight.abandon()
        self._flight = None
        self._batch = Batch()

    def _launch(self) -> None:
        self._flight = self.launch(self._batch)
        self._batch = Batch()
