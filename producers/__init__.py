"""Publishing usage: one event at a time, events in volume, and the definitions they are counted by."""

from producers.definitions import apply_meters, read_definitions
from producers.deliveries import Deliveries, Delivery
from producers.errors import (
    BrokerUnavailableError,
    DeliveryError,
    InvalidEventError,
    MissingFrameworkError,
    OutboxError,
    OutboxFullError,
    PermissionDenied,
    ProducerClosedError,
    ProducerError,
    PublishError,
    TopicMissingError,
    TransactionError,
)
from producers.post import post_ai_meter_usage, post_meter_usage
from producers.settings import ProducerSettings
from producers.usage_producer import UsageProducer
from producers.usage_record import UsageRecord
from producers.versions import AppliedMeter

__all__ = [
    "AppliedMeter",
    "BrokerUnavailableError",
    "Deliveries",
    "Delivery",
    "DeliveryError",
    "InvalidEventError",
    "MissingFrameworkError",
    "OutboxError",
    "OutboxFullError",
    "PermissionDenied",
    "ProducerClosedError",
    "ProducerError",
    "ProducerSettings",
    "PublishError",
    "TopicMissingError",
    "TransactionError",
    "UsageProducer",
    "UsageRecord",
    "apply_meters",
    "post_ai_meter_usage",
    "post_meter_usage",
    "read_definitions",
]
