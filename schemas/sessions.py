"""AI sessions: their boundaries as producers publish them, and their state as it changes."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.keys import message_key
from schemas.records import EpochMs, Id, Integer, OptionalId, Record, Unicode


def session_key(
    tenant_id: str,
    environment_id: str,
    customer_id: str,
    meter_id: str,
    device_id: str = "",
    session_id: str = "",
) -> bytes:
    """What makes two boundaries one session; device and session are empty where absent."""
    return message_key(tenant_id, environment_id, customer_id, meter_id, device_id, session_id)


class SessionBoundary(Record):
    """The start of a session, its end, or both; times are epoch milliseconds, or RFC 3339 with a zone.

    Without a session_id of its own it takes `metadata["session_id"]`; with neither, the device is a switch
    that is on or off.
    """

    boundary_id: Id
    tenant_id: Id
    environment_id: Id = "default"
    customer_id: Id
    meter_id: Id
    device_id: OptionalId = ""
    metadata: dict[Unicode, Unicode] = Field(default_factory=dict)
    session_id: OptionalId = Field(
        default_factory=lambda fields: fields.get("metadata", {}).get("session_id", ""), validate_default=True
    )
    start_time: EpochMs | None = None
    end_time: EpochMs | None = None
    source: OptionalId = ""

    @model_validator(mode="after")
    def _starts_or_ends(self) -> Self:
        if self.start_time is None and self.end_time is None:
            raise ValueError("has neither start_time nor end_time: give the one that happened, or both")
        return self

    @property
    def key(self) -> bytes:
        """The key of the session this belongs to, and of its record."""
        return session_key(
            self.tenant_id,
            self.environment_id,
            self.customer_id,
            self.meter_id,
            self.device_id,
            self.session_id,
        )


class SessionState(StrEnum):
    """How much of a session is known."""

    OPEN = "open"  # a start without its end
    WAITING = "waiting"  # an end without its start
    COMPLETED = "completed"  # both: billed
    EXPIRED = "expired"  # open beyond its limit: not billed unless a late end comes


class Session(Record):
    """A session after a change; the highest `version` is the newest. Times are epoch milliseconds.

    `sequence` tells the successive sessions of a device without session ids apart; elsewhere it is 1.
    """

    tenant_id: Id
    environment_id: Id
    customer_id: Id
    meter_id: Id
    device_id: OptionalId = ""
    session_id: OptionalId = ""
    sequence: Integer = 1
    state: SessionState
    started_at: Integer | None = None
    ended_at: Integer | None = None
    duration_ms: Integer | None = None
    version: Integer
    metadata: dict[Unicode, Unicode] = Field(default_factory=dict)
    updated_at: Integer

    @property
    def key(self) -> bytes:
        """The key of the session's records."""
        return session_key(
            self.tenant_id,
            self.environment_id,
            self.customer_id,
            self.meter_id,
            self.device_id,
            self.session_id,
        )
