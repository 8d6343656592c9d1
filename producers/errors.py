"""What can go wrong while publishing.

    ProducerError
    |-- InvalidEventError      an event that no meter could count (a ValueError); names the field
    |-- PublishError           one call did not reach its destination; the reason is its text
    |-- DeliveryError          events handed to a UsageProducer were not stored; names them
    |-- ProducerClosedError    a UsageProducer used after close, or in a process forked from its own
    |-- BrokerUnavailableError no broker answered in time
    |-- TopicMissingError      a topic that Meterstream needs does not exist
    `-- UnreadableDefinitionError  a record on meter-definitions that this release cannot read

`post_meter_usage` and `post_ai_meter_usage` raise plain ValueError and TypeError for a caller's mistake, and
log a PublishError's text and return None for everything else.
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


class ProducerClosedError(ProducerError):
    """A UsageProducer that can no longer send."""


class BrokerUnavailableError(ProducerError):
    """No answer from the brokers within the time allowed."""


class TopicMissingError(ProducerError):
    """A topic that must exist before this call does not."""


class UnreadableDefinitionError(ProducerError):
    """A record on `meter-definitions` that is no MeterDefinition this release knows."""
