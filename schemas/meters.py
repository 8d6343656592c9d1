"""Meters: which events count, under which name, and how they are added up."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import uuid4

from pydantic import Field

from schemas.aggregation import Aggregation, AggregationType, Filter, ResetUsage, Status
from schemas.records import Moment, Record, Unicode

ANY: Final = "*"
"""As a meter's tenant or environment: every one of them."""
DEFAULT_WINDOW_SECONDS: Final = 60
DEFAULT_SESSION_WINDOW_SECONDS: Final = 3_600


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _default_window(fields: dict[str, Any]) -> int:
    aggregation = fields.get("aggregation")
    if aggregation is not None and aggregation.type is AggregationType.DURATION:
        return DEFAULT_SESSION_WINDOW_SECONDS
    return DEFAULT_WINDOW_SECONDS


class Meter(Record):
    """A meter as it is being written: types are checked, completeness is what `validate` is for.

    `window_seconds` is 60 unless given, 3,600 for DURATION. `effective_from` None means none was given.
    `unit` names what the value is in; for DURATION it is one of DURATION_UNITS. A tenant or environment of
    "*" means all of them.
    """

    id: Unicode = ""
    event_name: Unicode = ""
    name: Unicode = ""
    description: Unicode = ""
    type: Unicode = ""
    tenant_id: Unicode = "default"
    environment_id: Unicode = "default"
    aggregation: Aggregation | None = None
    filters: tuple[Filter, ...] = ()
    group_by: tuple[Unicode, ...] = ()
    window_seconds: Annotated[int, Field(strict=True)] = Field(default_factory=_default_window)
    unit: Unicode = ""
    reset_usage: ResetUsage = ResetUsage.BILLING_PERIOD
    status: Status = Status.PUBLISHED
    meter_version: Annotated[int, Field(strict=True)] = 1
    effective_from: Moment | None = None
    created_at: Moment = Field(default_factory=_now)
    updated_at: Moment = Field(default_factory=lambda fields: fields.get("created_at") or _now())
    created_by: Unicode = ""
    updated_by: Unicode = Field(default_factory=lambda fields: fields.get("created_by", ""))


def new_meter(name: str, tenant_id: str = "default", created_by: str = "") -> Meter:
    """Begin a meter with a fresh id and the defaults; event_name and aggregation are still to be given.

    Give them with `model_copy(update={...})`, then `validate` says whether anything is missing.
    """
    return Meter(id=f"meter_{uuid4()}", name=name, tenant_id=tenant_id, created_by=created_by)
