"""A log that ends before its commit is given time: a new leader learns its end late."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from schemas import SESSION_BOUNDARIES
from stream.core.beginnings import LogBounds
from stream.sessions import transport
from stream.sessions.positions import Committed
from stream.sessions.transport import BoundaryConsumer, Found

PARTITION = TopicPartition(SESSION_BOUNDARIES, 0)


class Group:
    """A partition committed at 5; its leader says one end after the other."""

    def __init__(self, *ends: int) -> None:
        self._ends = list(ends)

    async def committed(self, _: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        return {PARTITION: OffsetAndMetadata(5, "topic changelog")}

    async def bounds(self, _: list[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        return {PARTITION: LogBounds(0, self._ends.pop(0) if len(self._ends) > 1 else self._ends[0])}


def found(*ends: int) -> Found:
    consumer = SimpleNamespace(_thread=Group(*ends))
    return asyncio.run(BoundaryConsumer.find(consumer, [0]))[0]  # type: ignore[arg-type] # all it takes of it


def test_an_end_that_is_learnt_late_is_no_truncation() -> None:
    assert found(3, 4, 6) == Found(Committed(5, "topic", "changelog"), LogBounds(0, 6))


def test_an_end_that_stays_before_the_commit_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_TRUNCATED_SECONDS", 0.0)
    assert found(3).is_truncated
