"""Pairing against a world that fails at any step: what ClickHouse ends up with is the same."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas import TABLE_HEADER, DeadLetter, SessionBoundary
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import LOG_APPEND_TIME, Record, Source
from stream.sessions.pairing import Pairing

T = 1_700_000_000_000
HOUR = 3_600_000
SOURCE = Source("session-boundaries", "topic-id", 0)


class CrashError(Exception):
    """The process dies here."""


@dataclass
class World:
    """What outlives a process: the changelog and what brokers acknowledged; and when the process dies."""

    changelog: dict[bytes, bytes] = field(default_factory=dict)
    acknowledged: list[tuple[str, bytes, Sequence[tuple[str, bytes | None]]]] = field(default_factory=list)
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


class Process:
    """The table, the definitions and the outbox of one process; half-sent records may or may not arrive."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent: list[tuple[str, bytes, Sequence[tuple[str, bytes | None]]]] = []

    def get(self, key: bytes) -> bytes | None:
        return self._world.changelog.get(key)

    async def put(self, key: bytes, value: bytes) -> None:
        self._world.step()
        self._world.changelog[key] = value
        self._world.step()

    def end(self) -> int:
        return self._world.meter_versions

    def known_at(self, end: int) -> DefinitionSet:
        return DefinitionSet(meter(version) for version in range(1, end + 1))

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,  # noqa: ARG002 - the outbox's signature
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        self._sent.append((topic, value or b"", headers))

    def poll(self) -> None:
        """Acknowledgements come with `drain`."""

    async def drain(self) -> None:
        while self._sent:
            self._world.step()
            self._world.acknowledged.append(self._sent.pop(0))
        self._world.step()


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


def run(world: World, records: Sequence[Record]) -> World:
    """Take all records, beginning again with a new process at a committed record, however often it dies."""
    done = 0
    while done < len(records):
        process = Process(world)
        pairing = Pairing(process, process, process)
        try:
            for record in records[done:]:
                asyncio.run(pairing.take(record, SOURCE))
                done += 1
        except CrashError:
            world.meter_versions += 1  # somebody publishes a version while nobody pairs
    return world


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


@given(crashes=st.frozensets(st.integers(1, 80), max_size=12))
def test_a_crash_at_any_step_changes_no_total(crashes: frozenset[int]) -> None:
    world = run(World(crashes=crashes), HISTORY)
    assert world.total() == 3 * HOUR
    assert world.dead_letters() == {("boundary_invalid", 2), ("end_before_start", 6)}
    assert sum(row["event_count"] for row in world.rows().values()) == 3


@given(back=st.lists(st.integers(0, len(HISTORY) - 1), max_size=5))
def test_reading_the_log_again_from_anywhere_changes_no_row(back: list[int]) -> None:
    world = run(World(), HISTORY)
    rows, letters = world.rows(), world.dead_letters()
    for start in back:
        run(world, HISTORY[start:])
    assert world.rows() == rows
    assert world.dead_letters() == letters


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
    run(world, HISTORY[1:2])
    assert [value for _, value, _ in world.acknowledged[sent:]] == [
        value for _, value, _ in world.acknowledged[sent - 2 : sent]
    ]
