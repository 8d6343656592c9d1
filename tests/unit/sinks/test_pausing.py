"""A lane's topics are paused while it is full, and read again when it is not, whoever had them meanwhile."""

from collections.abc import Sequence
from threading import Event
from typing import Any, cast

from confluent_kafka import TopicPartition

from sinks.batches import Batch, Limits
from sinks.commits import Commits
from sinks.counters import Counters
from sinks.lanes import Lane
from sinks.sink import Sink
from sinks.source_records import SourceRecord

PLACE = ("usage-events", 0)


class FakeConsumer:
    """As confluent-kafka's: a pause belongs to the partition, and outlives its assignment."""

    def __init__(self) -> None:
        self._assigned: list[TopicPartition] = []
        self.paused: set[tuple[str, int]] = set()

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._assigned = partitions

    def unassign(self) -> None:
        self._assigned = []

    def assignment(self) -> list[TopicPartition]:
        return self._assigned

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {(each.topic, each.partition) for each in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {(each.topic, each.partition) for each in partitions}

    def consume(self, _messages: int, _seconds: float) -> list[Any]:
        return []


class FakeFlight:
    """Written when told so."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.landed = Event()

    def wait(self, _seconds: float) -> bool:
        return self.landed.is_set()

    def abandon(self) -> None: ...


class Quiet:
    """Stands for those who have nothing to say here."""

    topics = ()

    def located(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        return list(partitions)

    def look(self, _now: float) -> None: ...

    def hurry(self) -> None: ...

    def __getitem__(self, _topic: str) -> str:
        return "id"


def test_a_partition_that_was_lost_while_it_was_paused_is_read_when_it_comes_back() -> None:
    consumer, flights, quiet = FakeConsumer(), list[FakeFlight](), Quiet()

    def launch(batch: Batch) -> Any:
        flights.append(FakeFlight(batch))
        return flights[-1]

    lane = Lane(["usage-events"], launch, Limits(rows=1, bytes=1_000_000, seconds=60))
    sink = Sink(cast("Any", consumer), [lane], *cast("Any", (quiet, quiet, quiet, Commits(), Counters())))
    partitions = [TopicPartition(*PLACE, 0)]
    sink._assigned(cast("Any", consumer), partitions)
    for offset in range(2):
        lane.add([SourceRecord("usage-events", "id", 0, offset, 0, b"", b"{}", ())], 0.0)
        sink.step()
    assert consumer.paused == {PLACE}

    sink._lost(cast("Any", consumer), partitions)
    consumer.unassign()
    for flight in flights:
        flight.landed.set()
    sink.step()
    flights[-1].landed.set()
    sink.step()
    assert not lane.is_paused
    sink._assigned(cast("Any", consumer), partitions)
    assert consumer.paused == set()
