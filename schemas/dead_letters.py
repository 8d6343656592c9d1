"""Dead letters: records no meter, or one meter, could use; their bytes untouched, the reason in headers."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, ValidationError

from schemas.errors import InvalidHeadersError
from schemas.faults import readable_faults
from schemas.records import Record

REASON_HEADER: Final = "meterstream-reason"
DETAIL_HEADER: Final = "meterstream-detail"
METER_HEADER: Final = "meterstream-meter"
TOPIC_HEADER: Final = "meterstream-topic"
TOPIC_ID_HEADER: Final = "meterstream-topic-id"
PARTITION_HEADER: Final = "meterstream-partition"
OFFSET_HEADER: Final = "meterstream-offset"

_HEADERS: Final = {
    "reason": REASON_HEADER,
    "detail": DETAIL_HEADER,
    "meter": METER_HEADER,
    "topic": TOPIC_HEADER,
    "topic_id": TOPIC_ID_HEADER,
    "partition": PARTITION_HEADER,
    "offset": OFFSET_HEADER,
}

MAX_DETAIL_BYTES: Final = 4_096
"""A longer detail is cut, so that a dead letter's headers have room beside the largest event."""


class DeadLetterReason(StrEnum):
    """Why a record, or a meter's use of it, was refused."""

    UNDECODABLE = "undecodable"  # no JSON object, not UTF-8, a repeated key, NaN or Infinity
    UNKNOWN_SHAPE = "unknown_shape"  # an object that is neither an event nor a boundary in any known form
    INVALID_FIELD = "invalid_field"  # a required field is missing, empty or of the wrong type
    TIMESTAMP_OUT_OF_BOUNDS = "timestamp_out_of_bounds"  # before 2000, or over a day after it was appended
    INTERVAL_OUT_OF_BOUNDS = "interval_out_of_bounds"  # negative, or longer than 31 days
    TOO_LONG = "too_long"  # an id or a group value over 512 bytes
    FIELD_MISSING = "field_missing"  # the property the meter aggregates is not there
    NOT_A_NUMBER = "not_a_number"  # the property is there, but is no number nor numeric text
    NUMBER_OUT_OF_BOUNDS = "number_out_of_bounds"  # over 1e15, or more than 18 decimals
    NO_INTERVAL = "no_interval"  # a DURATION meter matched an event that has no interval
    BOUNDARY_INVALID = "boundary_invalid"  # a session boundary with a bad field, or neither start nor end
    INSERT_REFUSED = "insert_refused"  # ClickHouse refuses the row itself, however often it is sent
    END_BEFORE_START = "end_before_start"  # a session would end before it starts


def _sayable(detail: object) -> object:
    """Whatever a detail quotes, it can be written as UTF-8 and fits a header."""
    if not isinstance(detail, str):
        return detail
    return detail.encode(errors="backslashreplace")[:MAX_DETAIL_BYTES].decode(errors="ignore")


class DeadLetter(Record):
    """Why a record was refused and where it stood; key, value and its own headers travel untouched.

    Its identity is (topic_id, partition, offset, meter), so emitting it twice is one row. `meter` is the
    meter's id, or empty where the whole event was refused.
    """

    reason: DeadLetterReason
    detail: Annotated[str, BeforeValidator(_sayable)] = ""
    meter: str = ""
    topic: str
    topic_id: str
    partition: int
    offset: int

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers to append to the record's own; the last of a name is the one that holds."""
        return [(header, str(getattr(self, field)).encode()) for field, header in _HEADERS.items()]

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes | None]]) -> Self:
        """Read what `headers` wrote, among any other headers.

        Raises:
            InvalidHeadersError: headers are missing or hold what a dead letter's do not.
        """
        texts = {name: (value or b"").decode(errors="replace") for name, value in headers}
        try:
            return cls.model_validate(
                {field: texts[header] for field, header in _HEADERS.items() if header in texts}
            )
        except ValidationError as error:
            faults = "; ".join(readable_faults(error, cls))
            raise InvalidHeadersError(f"these are not a dead letter's headers: {faults}") from error
