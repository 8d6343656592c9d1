"""What became of the events of a UsageProducer."""

import threading
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple, overload

import orjson
from confluent_kafka import KafkaError, Message

from producers.errors import DeliveryError

_KEPT: Final = 1_000
"""Failures remembered by name; beyond them they are only counted."""
_FINAL: Final = frozenset(
    (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION)
)


class Delivery(NamedTuple):
    """Where one event was stored, or why it was not (`error`; partition and offset are then -1).

    `is_refused`: sending it again would fail the same way, for it is too large or not what the topic takes.
    """

    event_id: str
    partition: int
    offset: int
    error: str | None = None
    is_refused: bool = False


class Deliveries(Sequence[Delivery]):
    """The deliveries of one `send_many`, in the order of its events."""

    def __init__(self, event_ids: Sequence[str]) -> None:
        self._event_ids = event_ids
        # Two numbers an event: a million are 12 MB, and nothing for the garbage collector to visit.
        self._partitions = array("i", [-1]) * len(event_ids)
        self._offsets = array("q", [-1]) * len(event_ids)
        self._errors: dict[int, str] = {}
        self._refused: set[int] = set()
        self._known = bytearray(len(event_ids))

    def take(self, index: int, error: KafkaError | None, message: Message) -> None:
        """Note what became of one event; called by the thread that polls."""
        if error is None:
            self._partitions[index] = message.partition()  # type: ignore[assignment] # set once delivered
            self._offsets[index] = message.offset()  # type: ignore[assignment]
        else:
            self.fail(index, error)
        self._known[index] = 1

    def fail(self, index: int, error: KafkaError) -> None:
        """Note that an event was not stored, perhaps not even queued."""
        self._errors[index] = error.str()
        if error.code() in _FINAL:
            self._refused.add(index)
        self._known[index] = 1

    def fail_rest(self, error: KafkaError) -> None:
        """Note that whatever is not known by now was not stored: the client can do nothing more."""
        for index in range(len(self)):
            if not self._known[index]:
                self.fail(index, error)

    def take_back(self, reason: str) -> None:
        """Note that no event can be read, though some were stored: their transaction was aborted."""
        for index in range(len(self)):
            self._errors.setdefault(index, reason)
            self._partitions[index] = self._offsets[index] = -1
            self._known[index] = 1

    @property
    def are_complete(self) -> bool:
        """Whether the fate of every event is known."""
        return self._known.find(0) < 0

    @property
    def failed(self) -> list[Delivery]:
        """The events that were not stored."""
        return [self[index] for index in sorted(self._errors)]

    def raise_for_failures(self) -> None:
        """Raise DeliveryError if any event was not stored."""
        if failed := self.failed:
            raise DeliveryError([(each.event_id, each.error or "") for each in failed], len(failed))

    def __len__(self) -> int:
        return len(self._event_ids)

    @overload
    def __getitem__(self, index: int) -> Delivery: ...
    @overload
    def __getitem__(self, index: slice) -> list[Delivery]: ...
    def __getitem__(self, index: int | slice) -> Delivery | list[Delivery]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return Delivery(
            self._event_ids[position],
            self._partitions[position],
            self._offsets[position],
            self._errors.get(position),
            position in self._refused,
        )


class Failures:
    """The events of `send` that were not stored, until somebody is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: list[tuple[str, str]] = []
        self._count = 0

    def take(self, error: KafkaError | None, message: Message) -> None:
        """Note one failure; called by the thread that polls."""
        if error is None:
            return
        with self._lock:
            self._count += 1
            if len(self._first) < _KEPT:
                self._first.append((_event_id(message), error.str()))

    def pop(self) -> DeliveryError | None:
        """Give back what failed since the last call, once."""
        with self._lock:
            first, count = self._first, self._count
            self._first, self._count = [], 0
        return DeliveryError(first, count) if count else None


def _event_id(message: Message) -> str:
    return str(orjson.loads(message.value() or b"{}").get("event_id", ""))
