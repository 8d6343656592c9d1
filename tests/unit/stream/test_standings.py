"""A log that ends before its commit is given time: a new leader learns its end late."""

import asyncio

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from stream import standings
from stream.core.beginnings import LogBounds
from stream.standings import Standing, read_standings

PARTITION = TopicPartition("topic", 3)


class Member:
    """Of a group that has committed an offset; the leader says one end after the other."""

    def __init__(self, committed: int, *ends: int) -> None:
        self._committed = OffsetAndMetadata(committed, "words")
        self._ends = list(ends)

    async def committed(self, _: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        return {PARTITION: self._committed}

    async def bounds(self, _: list[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        return {PARTITION: LogBounds(0, self._ends.pop(0) if len(self._ends) > 1 else self._ends[0])}


def standing(committed: int, *ends: int) -> Standing:
    return asyncio.run(read_standings(Member(committed, *ends), [PARTITION]))[3]


def test_an_end_that_is_learnt_late_is_no_truncation() -> None:
    assert standing(5, 3, 4, 6) == Standing(OffsetAndMetadata(5, "words"), LogBounds(0, 6))


def test_an_end_that_stays_before_the_commit_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "_TRUNCATED_SECONDS", 0.0)
    assert standing(5, 3).is_truncated


def test_a_negative_offset_is_no_commit() -> None:
    assert standing(-1, 0) == Standing(None, LogBounds(0, 0))
