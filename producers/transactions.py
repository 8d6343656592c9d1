"""Transactions of one producer: events that can be read together, or not at all."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from confluent_kafka import KafkaException, Producer

from producers.errors import BrokerUnavailableError, ProducerError, TransactionError
from producers.volume_clients import reason_of

_ATTEMPT_SECONDS: Final = 5.0
_TAKEN_OVER: Final = (
    "this UsageProducer can send nothing more, mostly because another one with its transactional_id took "
    "over: give each its own, and make a new one"
)


class Transactions:
    """One transaction at a time; other threads wait to begin theirs, the same thread joins it."""

    def __init__(self, client: Producer, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._lock = threading.RLock()
        self._depth = 0
        self._is_registered = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is sent in the block, or nothing of it where the block raises.

        Raises:
            BrokerUnavailableError: no broker answered before anything was sent.
            TransactionError: nothing of it can be read; or, where it says so, nobody knows.
        """
        with self._lock:
            if self._depth:
                yield  # the outer block commits
                return
            self._begin()
            self._depth = 1
            try:
                yield
                self._commit()
            except BaseException:
                self._abort()
                raise
            finally:
                self._depth = 0

    def register(self) -> None:
        """Take over from whoever had the id before: its transaction ends, and it can begin no other.

        Raises:
            BrokerUnavailableError, TransactionError: as `transaction`.
        """
        with self._lock:
            try:
                self._register()
            except KafkaException as error:
                raise _not_begun(error) from error

    @property
    def is_open(self) -> bool:
        """Whether a transaction is under way."""
        return bool(self._depth)

    def _begin(self) -> None:
        try:
            self._register()
            self._client.begin_transaction()
        except KafkaException as error:
            raise _not_begun(error) from error

    def _register(self) -> None:
        if not self._is_registered:
            self._client.init_transactions(self._timeout)
            self._is_registered = True

    def _commit(self) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._client.commit_transaction(_ATTEMPT_SECONDS)
            except KafkaException as error:
                reason = reason_of(error)
                if reason.fatal():
                    raise TransactionError(f"{_TAKEN_OVER} ({reason.str()})") from error
                if reason.txn_requires_abort():
                    raise TransactionError(
                        f"the transaction was aborted, none of its events can be read: {reason.str()}"
                    ) from error
                if not reason.retriable() or time.monotonic() >= deadline:
                    raise TransactionError(
                        f"whether the transaction was committed is not known ({reason.str()}): send its "
                        f"events again with the same event_id"
                    ) from error

    def _abort(self) -> None:
        with suppress(KafkaException):  # the brokers abort what is not aborted, when its time is up
            self._client.abort_transaction(self._timeout)


def _not_begun(error: KafkaException) -> ProducerError:
    reason = reason_of(error)
    if reason.fatal():
        return TransactionError(f"{_TAKEN_OVER} ({reason.str()})")
    if reason.retriable():
        return BrokerUnavailableError(f"no transaction could be begun: {reason.str()}")
    return TransactionError(f"no transaction could be begun: {reason.str()}")
