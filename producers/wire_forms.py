"""One use, or one boundary of a session, in the form each destination takes. Nothing here does I/O."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from schemas import TOTAL_USAGE, message_key, session_key

SESSION_ID: Final = "session_id"
"""The metadata key that says which session a boundary belongs to."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who used what: `event_id` is new for every call."""

    event_id: str
    tenant_id: str
    device_id: str
    customer_id: str
    meter_id: str
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """A number used at a moment (epoch milliseconds)."""

    source: Source
    total_usage: int | float | Decimal
    timestamp: int


@dataclass(frozen=True, slots=True)
class Boundary:
    """The start of a session, its end, or both (epoch milliseconds)."""

    source: Source
    start_time: int | None
    end_time: int | None


def usage_event(use: Use) -> tuple[bytes, dict[str, Any]]:
    """The key and the UsageEvent that go to `usage-events`."""
    source = use.source
    event = {
        "event_id": source.event_id,
        "tenant_id": source.tenant_id,
        "event_name": source.meter_id,
        "customer_id": source.customer_id,
        "timestamp": use.timestamp,
        "properties": {**source.metadata, TOTAL_USAGE: use.total_usage},
        "device_id": source.device_id,
    }
    return message_key(source.tenant_id, source.customer_id), event


def session_boundary(boundary: Boundary) -> tuple[bytes, dict[str, Any]]:
    """The key and the SessionBoundary that go to `session-boundaries`."""
    source = boundary.source
    session_id = source.metadata.get(SESSION_ID, "")
    fields = {
        "boundary_id": source.event_id,
        "tenant_id": source.tenant_id,
        "environment_id": "default",
        "customer_id": source.customer_id,
        "meter_id": source.meter_id,
        "device_id": source.device_id,
        "session_id": session_id,
        **_times(boundary),
        "metadata": source.metadata,
    }
    key = session_key(
        source.tenant_id, "default", source.customer_id, source.meter_id, source.device_id, session_id
    )
    return key, fields


def usage_record(use: Use) -> dict[str, Any]:
    """The record that meter-lib posts to a REST proxy, with the ids it leaves out."""
    source = use.source
    return {
        "meter_id": source.meter_id,
        "customer_id": source.customer_id,
        "total_usage": use.total_usage,
        "event_time": use.timestamp,
        "metadata": source.metadata,
        **_ids(source),
    }


def boundary_record(boundary: Boundary) -> dict[str, Any]:
    """The AI record that meter-lib posts to a REST proxy, with the ids it leaves out."""
    source = boundary.source
    return {
        "ai_event": True,
        "meter_id": source.meter_id,
        "customer_id": source.customer_id,
        "metadata": source.metadata,
        **_times(boundary),
        **_ids(source),
    }


def _ids(source: Source) -> dict[str, str]:
    return {"event_id": source.event_id, "tenant_id": source.tenant_id, "device_id": source.device_id}


def _times(boundary: Boundary) -> dict[str, int]:
    times = {"start_time": boundary.start_time, "end_time": boundary.end_time}
    return {name: moment for name, moment in times.items() if moment is not None}
