"""Pairing against a world that fails at any step: what ClickHouse ends up with is the same."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import TABLE_HEADER, DeadLetter, SessionBoundary
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.lifetimes import DEFAULT_LIFETIMES, Lifetimes
from stream.core.log import LOG_APPEND_TIME, Record, Source, stretches
from stream.core.timestamps import DAY_MS
from stream.errors import PartitionLostError
from stream.owned import Batch
from stream.sessions.changelog import VERSION_HEADER
from stream.sessions.pairing import OwnedPartition, Pairing
from stream.sessions.positions import Committed
from stream.sessions.table import SessionTable

T = 1_700_000_000_000
HOUR = 3_600_000
SOURCE = Source("session-boundaries", "topic-id", 0)
CHANGELOG = "group-sessions-changelog"
CHANGELOG_ID = "changelog-id"
Headers = Sequence[tuple[str, bytes | None]]


class CrashError(Exception):
    """The process dies here."""


@dataclass
class World:
    """What outlives a process: changelog, acknowledged records, the commit; and when the process dies."""

    changelog: list[tuple[bytes, bytes | None, Headers]] = field(default_factory=list)
    acknowledged: list[tuple[str, bytes, Headers]] = field(default_factory=list)
    committed: int = 0
    steps: int = 0
    crashes: frozenset[int] = frozenset()
    meter_versions: int = 1

    def step(self) -> None:
        self.steps += 1
        if self.steps in self.crashes:
            raise CrashError

    def rows(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Rows as ClickHouse keeps them: of each identity the highest version."""
        kept: dict[tuple[Any, ...], dict[str, Any]] = {}
        for topic, value, headers in self.acknowledged:
            if topic == "usage-rollups":
                assert dict(headers)[TABLE_HEADER] == b"usage_rollups"
                for row in map(msgspec.json.decode, value.splitlines()):
                    identity = (row["source_session"], row["window_start"], row["meter_version"])
                    if identity not in kept or kept[identity]["row_version"] <= row["row_version"]:
                        kept[identity] = row
        return kept

    def total(self) -> int:
        return sum(int(row["sum"] or 0) for row in self.rows().values())

    def dead_letters(self) -> set[tuple[str, int]]:
        letters = [
            DeadLetter.from_headers(headers)
            for topic, _, headers in self.acknowledged
            if topic == "usage-events-dlq"
        ]
        return {(letter.reason, letter.offset) for letter in letters}

    def sessions(self) -> list[dict[str, Any]]:
        return [orjson.loads(value) for topic, value, _ in self.acknowledged if topic == "usage-sessions"]

    def states(self) -> dict[tuple[str, str, int], str]:
        """Session states as ClickHouse keeps them."""
        kept: dict[tuple[str, str, int], dict[str, Any]] = {}
        for one in self.sessions():
            identity = (one["device_id"], one["session_id"], one["sequence"])
            if identity not in kept or kept[identity]["version"] <= one["version"]:
                kept[identity] = one
        return {identity: one["state"] for identity, one in kept.items()}


class Process:
    """The definitions and the outbox of one process; half-sent records may or may not arrive."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent: list[tuple[str, bytes | None, bytes, Headers]] = []

    def end(self) -> int:
        return self._world.meter_versions

    def known_at(self, end: int) -> DefinitionSet:
        return DefinitionSet(meter(version) for version in range(1, end + 1))

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int = -1,
    ) -> None:
        assert partition == (0 if topic == CHANGELOG else -1)
        self._sent.append((topic, value, key or b"", headers))

    def poll(self) -> None:
        """Acknowledgements come with `drain`."""

    async def drain(self) -> None:
        while self._sent:
            self._world.step()
            topic, value, key, headers = self._sent.pop(0)
            if topic == CHANGELOG:
                self._world.changelog.append((key, value, headers))
            else:
                self._world.acknowledged.append((topic, value or b"", headers))
        self._world.step()

    async def commit(self, partition: int, committed: Committed) -> None:
        assert (partition, *committed[1:]) == (0, SOURCE.topic_id, CHANGELOG_ID)
        self._world.step()
        self._world.committed = committed.offset
        self._world.step()


def restored(world: World, lifetimes: Lifetimes) -> SessionTable:
    table = SessionTable(lifetimes)
    for key, value, headers in world.changelog:
        table.restore(key, value, int(dict(headers).get(VERSION_HEADER) or 0))
    return table


def started(world: World, lifetimes: Lifetimes = DEFAULT_LIFETIMES) -> Pairing:
    """Begin anew with a process that has what the changelog has."""
    process = Process(world)
    pairing = Pairing(
        lifetimes=lifetimes,
        definitions=process,
        outbox=process,
        changelog=CHANGELOG,
        commit=process.commit,
    )
    pairing.own([OwnedPartition(SOURCE, 1, restored(world, lifetimes), CHANGELOG_ID)])
    return pairing


def meter(version: int) -> Definition:
    return Definition(
        tenant_id="acme",
        environment_id="default",
        meter_id="chat",
        meter_version=version,
        event_name="chat",
        aggregation=Aggregation.DURATION,
        field="",
        filters=(),
        group_by=(),
        window_ms=HOUR,
        unit="hours",
        effective_from=0,
        published=True,
    )


def boundary(offset: int, **fields: Any) -> Record:
    stated = SessionBoundary(
        boundary_id=str(offset), tenant_id="acme", customer_id="c1", meter_id="chat", **fields
    )
    return Record(offset, T + offset, LOG_APPEND_TIME, stated.key, stated.to_json())


def run(world: World, records: Sequence[Record], batch: int = 100, clock: int | None = None) -> World:
    """Take all records, going on at the commit with a new process, however often it dies.

    Args:
        world: Where it happens.
        records: Of one partition.
        batch: How many are fetched at once.
        clock: What time it is; where it is given, sessions expire after an hour, before and after each batch.
    """
    end = records[-1].offset + 1
    while world.committed < end:
        lifetimes = DEFAULT_LIFETIMES if clock is None else Lifetimes(limit=HOUR)
        pairing = started(world, lifetimes)
        try:
            while world.committed < end:
                left = [record for record in records if record.offset >= world.committed]
                asyncio.run(pairing.take(0, Batch(stretches(left[:batch]), 1)))
                if clock is not None:
                    asyncio.run(pairing.expire(clock))
        except CrashError:
            world.meter_versions += 1  # somebody publishes a version while nobody pairs
    return world


def read_again(world: World, records: Sequence[Record]) -> World:
    """Take records that were taken before, as after a commit that was lost."""
    world.committed = records[0].offset
    return run(world, records)


HISTORY = [
    boundary(0, session_id="s1", start_time=T),
    boundary(1, session_id="s1", end_time=T + 3 * HOUR + 1),
    Record(2, T, LOG_APPEND_TIME, b"key", b"{"),
    boundary(3, device_id="d1", end_time=T + HOUR),
    boundary(4, device_id="d1", start_time=T),
    boundary(5, device_id="d1", start_time=T + 2 * HOUR),
    boundary(6, device_id="d1", end_time=T + HOUR + 5),
    boundary(7, session_id="s1", end_time=T + HOUR),
    boundary(8, device_id="d1", end_time=T + 3 * HOUR),
]


def test_pairing_counts_sessions_and_sends_dead_letters() -> None:
    world = run(World(), HISTORY)
    assert world.total() == HOUR + HOUR + HOUR
    assert world.dead_letters() == {("boundary_invalid", 2), ("end_before_start", 6)}


@given(crashes=st.frozensets(st.integers(1, 80), max_size=12), batch=st.integers(1, 9))
def test_a_crash_at_any_step_changes_no_total(crashes: frozenset[int], batch: int) -> None:
    world = run(World(crashes=crashes), HISTORY, batch)
    assert world.total() == 3 * HOUR
    assert world.dead_letters() == {("boundary_invalid", 2), ("end_before_start", 6)}
    assert sum(row["event_count"] for row in world.rows().values()) == 3


@given(crashes=st.frozensets(st.integers(1, 120), max_size=12), batch=st.integers(1, 9))
def test_expiry_at_any_moment_and_a_crash_at_any_step_change_no_total(
    crashes: frozenset[int], batch: int
) -> None:
    world = run(World(crashes=crashes), HISTORY, batch, clock=T + 30 * HOUR)
    world.crashes = frozenset()
    asyncio.run(started(world, Lifetimes(limit=HOUR)).expire(T + 30 * HOUR))
    assert world.total() == 3 * HOUR
    completed = {("", "s1", 1): "completed", ("d1", "", 1): "completed", ("d1", "", 2): "completed"}
    expired = {identity: state for identity, state in world.states().items() if identity not in completed}
    assert completed.items() <= world.states().items()
    assert set(expired.values()) <= {"expired"}


@given(back=st.lists(st.integers(0, len(HISTORY) - 1), max_size=5))
def test_reading_the_log_again_from_anywhere_changes_no_row(back: list[int]) -> None:
    world = run(World(), HISTORY)
    rows, letters = world.rows(), world.dead_letters()
    for start in back:
        read_again(world, HISTORY[start:])
    assert world.rows() == rows
    assert world.dead_letters() == letters


@given(crashes=st.frozensets(st.integers(1, 40), max_size=6))
def test_an_open_session_expires_and_a_late_end_completes_it_whatever_crashes(
    crashes: frozenset[int],
) -> None:
    world = World(crashes=crashes)
    run(world, HISTORY[:1])
    while world.states() != {("", "s1", 1): "expired"}:
        with contextlib.suppress(CrashError):
            asyncio.run(started(world).expire(T + DAY_MS))
    assert world.rows() == {}
    late_end = boundary(1, session_id="s1", end_time=T + 25 * HOUR)
    run(world, [late_end._replace(timestamp=T + 25 * HOUR)])
    assert world.states() == {("", "s1", 1): "completed"}
    assert world.total() == 25 * HOUR


def test_a_session_does_not_expire_before_its_limit_and_only_once() -> None:
    world = run(World(), HISTORY[:1])
    pairing = started(world)
    asyncio.run(pairing.expire(T + DAY_MS - 1))
    assert world.states() == {("", "s1", 1): "open"}
    asyncio.run(pairing.expire(T + DAY_MS + 250))
    asyncio.run(pairing.expire(T + 2 * DAY_MS))
    asyncio.run(started(world).expire(T + 3 * DAY_MS))
    assert [one["state"] for one in world.sessions()] == ["open", "expired"]


def test_an_expiry_by_a_worker_that_lost_the_partition_does_not_undo_the_end() -> None:
    world = run(World(), HISTORY[:1])
    late = started(world)
    run(world, [boundary(1, session_id="s1", end_time=T + HOUR)])
    asyncio.run(late.expire(T + 2 * DAY_MS))
    assert [one["state"] for one in world.sessions()] == ["open", "completed", "expired"]
    assert world.states() == {("", "s1", 1): "completed"}
    read_again(world, [boundary(1, session_id="s1", end_time=T + HOUR)])
    assert world.states() == {("", "s1", 1): "completed"}
    assert world.total() == HOUR


def test_completed_sessions_are_deleted_from_the_changelog_after_a_week_of_log_time() -> None:
    world = run(World(), HISTORY[:2])
    later = boundary(10, session_id="s2", start_time=T)._replace(timestamp=T + 1 + 7 * DAY_MS - 1)
    run(world, [later])
    assert [key for key, value, _ in world.changelog if value is None] == []
    run(world, [later._replace(offset=11, timestamp=later.timestamp + 60 * HOUR)])
    assert [key for key, value, _ in world.changelog if value is None] == [HISTORY[0].key]
    assert len(restored(world, DEFAULT_LIFETIMES)) == 1


def test_a_session_repeated_after_it_was_forgotten_is_billed_once() -> None:
    world = run(World(), HISTORY[:2])
    rows = {identity: row["sum"] for identity, row in world.rows().items()}
    week_later = [
        one._replace(offset=one.offset + 100, timestamp=one.timestamp + 8 * DAY_MS) for one in HISTORY[:2]
    ]
    run(world, week_later)
    assert {identity: row["sum"] for identity, row in world.rows().items()} == rows
    assert world.states() == {("", "s1", 1): "completed"}


def test_a_start_repeated_after_its_session_was_forgotten_bills_nothing_and_expires() -> None:
    world = run(World(), HISTORY[:2])
    rows = world.rows()
    run(world, [HISTORY[0]._replace(offset=100, timestamp=T + 8 * DAY_MS)])
    asyncio.run(started(world).expire(T + 8 * DAY_MS))
    assert world.rows() == rows
    assert world.states() == {("", "s1", 1): "expired"}


def test_a_device_keeps_its_numbers_when_its_sessions_are_forgotten() -> None:
    world = run(World(), [one for one in HISTORY if b"d1" in (one.value or b"")])
    total = world.total()
    weeks = 14 * DAY_MS
    moments = {"start_time": T + weeks, "end_time": T + weeks + HOUR}
    run(world, [boundary(20, device_id="d1", **moments)._replace(timestamp=T + weeks)])
    assert {identity[2] for identity in world.states()} == {1, 2, 3, 4}
    assert world.total() == total + HOUR


def test_what_was_fetched_before_another_seek_or_of_a_partition_let_go_is_not_paired() -> None:
    world = World()
    pairing = started(world)
    asyncio.run(pairing.take(0, Batch(stretches(HISTORY), 0)))
    asyncio.run(pairing.take(1, Batch(stretches(HISTORY), 1)))
    pairing.let_go()
    asyncio.run(pairing.take(0, Batch(stretches(HISTORY), 1)))
    assert (world.steps, world.committed) == (0, 0)


def test_a_partition_let_go_while_a_batch_is_paired_commits_nothing() -> None:
    class Losing(World):
        def step(self) -> None:
            super().step()
            if self.steps == 4:
                pairing.let_go()

    world = Losing()
    pairing = started(world)
    with pytest.raises(PartitionLostError):
        asyncio.run(pairing.take(0, Batch(stretches(HISTORY), 1)))
    assert world.committed == 0


def test_a_partition_whose_batch_was_cancelled_halfway_is_not_paired_before_it_is_read_anew() -> None:
    class Cancelled(World):
        def step(self) -> None:
            super().step()
            if self.steps == 4:
                raise asyncio.CancelledError

    world = Cancelled()
    pairing = started(world)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(pairing.take(0, Batch(stretches(HISTORY), 1)))
    asyncio.run(pairing.take(0, Batch(stretches(HISTORY[-1:]), 1)))
    assert (world.steps, world.committed) == (4, 0)


def test_a_log_read_again_into_an_empty_changelog_gives_the_same_sessions_and_totals() -> None:
    world = run(World(), HISTORY)
    totals = {identity: (row["sum"] or "0") for identity, row in world.rows().items()}
    states = world.states()
    world.changelog.clear()
    read_again(world, HISTORY)
    assert {identity: (row["sum"] or "0") for identity, row in world.rows().items()} == totals
    assert world.states() == states


def test_state_changes_of_a_session_have_growing_versions() -> None:
    world = run(World(), HISTORY[:2])
    assert [(session["state"], session["duration_ms"]) for session in world.sessions()] == [
        ("open", None),
        ("completed", 3 * HOUR + 1),
    ]
    first, second = (session["version"] for session in world.sessions())
    assert first < second


def test_successive_sessions_of_a_device_are_told_apart_by_their_sequence() -> None:
    world = run(World(), [record for record in HISTORY if b"d1" in (record.value or b"")])
    completed = {
        one["sequence"]: one["started_at"] for one in world.sessions() if one["state"] == "completed"
    }
    assert completed == {1: T, 2: T + 2 * HOUR}


def test_a_repeat_sends_the_rows_of_the_last_change_again() -> None:
    world = run(World(), HISTORY[:2])
    sent = len(world.acknowledged)
    read_again(world, HISTORY[1:2])
    assert [value for _, value, _ in world.acknowledged[sent:]] == [
        value for _, value, _ in world.acknowledged[sent - 2 : sent]
    ]
