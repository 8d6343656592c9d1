"""Why a record, or one meter's use of it, is refused."""

from enum import StrEnum


class Reason(StrEnum):
    """The stream's share of the reasons a dead letter can carry (schemas.DeadLetterReason has them all)."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SHAPE = "unknown_shape"
    INVALID_FIELD = "invalid_field"
    TIMESTAMP_OUT_OF_BOUNDS = "timestamp_out_of_bounds"
    INTERVAL_OUT_OF_BOUNDS = "interval_out_of_bounds"
    TOO_LONG = "too_long"
    FIELD_MISSING = "field_missing"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_OUT_OF_BOUNDS = "number_out_of_bounds"
    NO_INTERVAL = "no_interval"
    BOUNDARY_INVALID = "boundary_invalid"
    END_BEFORE_START = "end_before_start"


class RejectedError(Exception):
    """A record no meter can count, or a value one meter cannot use.

    Attributes:
        reason: The class of fault, one of `Reason`.
        detail: What was wrong, where, for the person who reads the dead letter.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
