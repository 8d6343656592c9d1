"""The light struct a UsageProducer takes beside mappings and schemas.UsageEvent."""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from producers.event_ids import new_event_id


class UsageRecord(NamedTuple):
    """One use, field by field as schemas.UsageEvent; None is filled in when it is sent.

    `timestamp` is epoch milliseconds.
    """

    tenant_id: str
    customer_id: str
    event_name: str
    properties: Mapping[str, str | float | Decimal | bool]
    timestamp: int | None = None
    event_id: str | None = None
    environment_id: str = "default"
    device_id: str = ""
    source: str = ""

    def fields(self) -> dict[str, Any]:
        """The event's fields, those at their defaults left out."""
        (
            tenant_id,
            customer_id,
            event_name,
            properties,
            timestamp,
            event_id,
            environment_id,
            device_id,
            source,
        ) = self
        event = {
            "event_id": new_event_id() if event_id is None else event_id,
            "tenant_id": tenant_id,
            "event_name": event_name,
            "customer_id": customer_id,
            "timestamp": time.time_ns() // 1_000_000 if timestamp is None else timestamp,
            "properties": properties,
        }
        if device_id or source or environment_id != "default":
            event |= {"environment_id": environment_id, "device_id": device_id, "source": source}
        return event
