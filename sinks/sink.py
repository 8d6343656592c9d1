"""The sink process: Kafka in, ClickHouse out, commit after insert."""

import logging
import math
import signal
import time
from collections.abc import Callable, Collection, Sequence
from threading import Event, Thread
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from sinks.assignments import Assignments
from sinks.batches import Limits
from sinks.batches import TopicPartition as Place
from sinks.clickhouse import ClickHouse, parse_url
from sinks.cluster import Cluster
from sinks.commits import Commits
from sinks.consumer import open_consumer, poll_of
from sinks.counters import Counters, CountersLog
from sinks.dead_letters import KafkaDeadLetters
from sinks.errors import ClickHouseAwayError, KafkaAwayError
from sinks.flights import Flight
from sinks.lanes import Lane
from sinks.settings import SinkSettings
from sinks.starts import StartRules
from sinks.tables import RAW_TOPICS, ROW_TOPICS, SINK_TOPICS
from sinks.topic_ids import TopicIds, TopicWatch
from sinks.writer import Writer

_POLL_MESSAGES: Final = 500
"""Few, for they may be large: a poll's messages are held beyond what a batch is bounded to."""
_POLL_SECONDS: Final = 0.05
_HOLD_SECONDS: Final = 0.25
_REVOKE_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 3.0

log = logging.getLogger(__name__)


class Sink:
    """Gathers batches while those before them are written; commits an offset once all before it is stored."""

    def __init__(
        self,
        consumer: Consumer,
        lanes: Sequence[Lane],
        assignments: Assignments,
        topic_ids: TopicIds,
        watch: TopicWatch,
        commits: Commits,
        counters: Counters,
    ) -> None:
        self._consumer = consumer
        self._lanes = lanes
        self._assignments = assignments
        self._topic_ids = topic_ids
        self._watch = watch
        self._commits = commits
        self._counters = counters
        self._starts: dict[Place, int] = {}

    def subscribe(self) -> None:
        """Join the group; partitions come with the first steps."""
        self._consumer.subscribe(
            list(SINK_TOPICS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def step(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Read what is there, write what is due, commit what is written."""
        for lane in self._lanes:
            self._land(lane, 0)
            lane.write_if_due(clock())
            self._hold_back(lane)
        self._read(clock)

    def finish(self, seconds: float) -> None:
        """Write and commit what was read, for so long; what is not written is read again by the next sink."""
        self._drain(time.monotonic() + seconds)
        if any(lane.is_writing for lane in self._lanes):
            log.warning("stopped before all was written: the next sink reads it again")
        self.abandon()

    def abandon(self) -> None:
        """Write nothing any more, not even when partitions are taken away."""
        for lane in self._lanes:
            lane.abandon()

    def _read(self, clock: Callable[[], float]) -> None:
        poll = poll_of(self._consumer.consume(_POLL_MESSAGES, _POLL_SECONDS), self._topic_ids)
        for lane in self._lanes:
            lane.add(poll.records, clock())
        self._counters.read += len(poll.records)
        for place, offset in poll.out_of_range.items():
            self._go_on(place, self._assignments.relocated(place, offset), offset)
        for place in poll.truncated:
            self._go_on(place, self._assignments.truncated(place))
        if poll.is_odd:
            self._watch.hurry()
        self._watch.look(clock())
        self._commits.send_again(self._consumer, self._topic_ids, clock())

    def _go_on(self, place: Place, found: TopicPartition, offset: float = math.inf) -> None:
        """Read on from `found` where the offset that was next is not there."""
        if TopicPartition(*place) not in self._consumer.assignment():
            return
        if found.offset < offset:
            self._forget([place])
        # A partition that has failed cannot seek: all are taken anew, the others from where they stand.
        others = [each for each in self._consumer.assignment() if (each.topic, each.partition) != place]
        self._assign([*map(self._position, others), found])

    def _position(self, partition: TopicPartition) -> TopicPartition:
        """Where a partition is read next; the binding knows only of those that were read from."""
        (now,) = self._consumer.position([partition])
        place = (partition.topic, partition.partition)
        return TopicPartition(*place, now.offset if now.offset >= 0 else self._starts[place])

    def _assign(self, partitions: list[TopicPartition]) -> None:
        self._starts = {(each.topic, each.partition): each.offset for each in partitions}
        self._consumer.assign(partitions)
        for lane in self._lanes:
            # A pause outlives an assignment: partitions may have been lost while they were paused.
            set_aside = self._consumer.pause if lane.is_paused else self._consumer.resume
            set_aside(self._partitions_of(lane))

    def _drain(self, deadline: float) -> None:
        for lane in self._lanes:
            self._land(lane, max(0.0, deadline - time.monotonic()))
            lane.write_all()
        for lane in self._lanes:
            self._land(lane, max(0.0, deadline - time.monotonic()))

    def _land(self, lane: Lane, seconds: float) -> None:
        batch = lane.land(seconds)
        if batch is not None:
            self._counters.stored += batch.rows
            self._commits.send(self._consumer, self._topic_ids, batch.offsets, time.monotonic())

    def _hold_back(self, lane: Lane) -> None:
        """Read no more of a lane's topics until a full batch can be written.

        A short wait costs nothing; a pause costs what was fetched ahead, but keeps the sink in its group and
        the other lane going.
        """
        if lane.is_full and not lane.is_paused:
            self._land(lane, _HOLD_SECONDS)
            lane.write_if_due(time.monotonic())
        if lane.is_full == lane.is_paused:
            return
        lane.is_paused = lane.is_full
        if lane.is_paused:
            self._consumer.pause(self._partitions_of(lane))
            log.warning("paused until clickhouse has taken what was read: rows=%d", lane.rows)
        else:
            self._consumer.resume(self._partitions_of(lane))
            log.info("resumed")

    def _partitions_of(self, lane: Lane) -> list[TopicPartition]:
        return [each for each in self._consumer.assignment() if each.topic in lane.topics]

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assign(self._assignments.located(partitions))
        log.info("assigned: %s", _named(partitions))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drain(time.monotonic() + _REVOKE_SECONDS)
        self._give_up(partitions)
        log.info("revoked: %s", _named(partitions))

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(partitions)
        self._watch.hurry()
        log.warning("lost: %s", _named(partitions))

    def _give_up(self, partitions: list[TopicPartition]) -> None:
        gone = [(partition.topic, partition.partition) for partition in partitions]
        self._forget(gone)
        self._commits.forget(gone)

    def _forget(self, gone: list[Place]) -> None:
        for lane in self._lanes:
            lane.forget(gone)


def run(settings: SinkSettings) -> int:
    """Run the sink until SIGTERM or SIGINT; 0 then.

    Raises:
        SettingMissingError, InvalidUrlError: nothing was started.
        TopicRecreatedError: start it again to read the new topic.
        KafkaAwayError: the brokers were away when it could not go on without them.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return run_until(stop, settings)


def run_until(stop: Event, settings: SinkSettings, counters: Counters | None = None) -> int:
    """Run the sink until `stop` is set, in any thread; raises as `run`."""
    counters = counters or Counters()
    clickhouse_url = settings.require_clickhouse_url()
    parse_url(clickhouse_url)
    commits = Commits()
    consumer = open_consumer(settings, commits)
    sink = _sink(settings, consumer, clickhouse_url, commits, counters, stop)
    said = CountersLog(counters)
    sink.subscribe()
    log.info("sink started: kafka=%s group=%s", settings.kafka_bootstrap_servers, settings.sink_group)
    try:
        while not stop.is_set():
            sink.step()
            said.tick(time.monotonic())
        sink.finish(settings.sink_stop_seconds)
    except (ClickHouseAwayError, KafkaAwayError):
        if not stop.is_set():
            raise
        log.exception("stopped before all was written: the next sink reads it again")
    finally:
        sink.abandon()
        _close(consumer)
        said.say()
    log.info("sink stopped")
    return 0


def _close(consumer: Consumer) -> None:
    """Leave the group; brokers that hang are not waited for, they see by themselves that it is gone."""
    closing = Thread(target=consumer.close, name="sink-close", daemon=True)
    closing.start()
    closing.join(_CLOSE_SECONDS)
    if closing.is_alive():
        log.warning("left without a word to the group: the brokers do not answer")


def _sink(
    settings: SinkSettings,
    consumer: Consumer,
    clickhouse_url: str,
    commits: Commits,
    counters: Counters,
    stop: Event,
) -> Sink:
    servers = settings.kafka_bootstrap_servers
    cluster = Cluster(servers)
    topic_ids = TopicIds(cluster, stop)
    rules = StartRules(settings.accept_log_start)
    limits = Limits(settings.sink_batch_rows, settings.sink_batch_bytes, settings.sink_batch_seconds)

    def lane(topics: Collection[str]) -> Lane:
        writer = Writer(ClickHouse(clickhouse_url), KafkaDeadLetters(servers, counters), counters)
        return Lane(topics, lambda batch: Flight(batch, topic_ids.confirm, writer), limits)

    return Sink(
        consumer,
        [lane(ROW_TOPICS), lane(RAW_TOPICS)],
        Assignments(consumer, cluster, topic_ids, rules, commits, counters, stop),
        topic_ids,
        TopicWatch(cluster, topic_ids),
        commits,
        counters,
    )


def _named(partitions: list[TopicPartition]) -> str:
    return ", ".join(f"{partition.topic}/{partition.partition}" for partition in partitions) or "none"
