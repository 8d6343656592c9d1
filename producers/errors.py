"""What can go wrong while publishing.

    ProducerError
    |-- InvalidEventError      an event that no meter could count (a ValueError); names the field
    |-- PublishError           one call did not reach its destination; the reason is its text
    |-- DeliveryError          events handed to a UsageProducer were not stored; names them
    |-- TransactionError       a transaction was not committed: none of its events can be read
    |-- ProducerClosedError    a UsageProducer used after close, or in a process forked from its own
    |-- BrokerUnavailableError no broker answered in time
    |-- TopicMissingError      a topic that Meterstream needs does not exist
    |-- UnreadableDefinitionError  a record on meter-definitions that this release cannot read
    |-- PermissionDenied       a request that belongs to no project cannot be counted
    |-- MissingFrameworkError  a web framework that is not installed (an ImportError); names it
    `-- OutboxError            the outbox's file could not be used; says what SQLite said
        `-- OutboxFullError    no room for another job: the disk is full, or the outbox's bound is reached

`post_meter_usage` and `post_ai_meter_usage` raise plain ValueError and TypeError for a caller's mistake, and
log a PublishError's text and return None for everything else. `build_job_data` raises a plain
RuntimeError("Invalid job.") where product, kind or organization is None.
"""

from collections.abc import Sequence
from typing import Final

_NAMED: Final = 10


class ProducerError(Exception):
    """Whatever this package raises of its own."""


class InvalidEventError(ProducerError, ValueError):
    """An event with a missing, unknown or unusable field."""


class PublishError(ProducerError):
    """One event was not acknowledged by its destination."""


class DeliveryError(ProducerError):
    """Events that a broker did not store: `failures` holds (event_id, reason) pairs, the first ones.

    `count` is the number of all of them.
    """

    def __init__(self, failures: Sequence[tuple[str, str]], count: int) -> None:
        self.failures = tuple(failures)
        self.count = count
        named = "; ".join(f"{event_id}: {reason}" for event_id, reason in self.failures[:_NAMED])
        super().__init__(f"{count} events were not stored, send them again with the same event_id: {named}")


class TransactionError(ProducerError):
    """A transaction that was not committed, or nobody knows; send its events again, with their ids."""


class ProducerClosedError(ProducerError):
    """A UsageProducer that can no longer send."""


class BrokerUnavailableError(ProducerError):
    """No answer from the brokers within the time allowed."""


class TopicMissingError(ProducerError):
    """A topic that must exist before this call does not."""


class UnreadableDefinitionError(ProducerError):
    """A record on `meter-definitions` that is no MeterDefinition this release knows."""


class PermissionDenied(ProducerError):  # noqa: N818 - the name that applications catch
    """A request that belongs to no project, so that nobody can be billed for it."""


class MissingFrameworkError(ProducerError, ImportError):
    """A web framework that is not installed."""


class OutboxError(ProducerError):
    """The outbox's file could not be read or written; what `put` was given is not in it."""


class OutboxFullError(OutboxError):
    """There is no room for another job."""
