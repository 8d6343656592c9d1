"""What all schemas share: frozen values that refuse unknown fields, and the field types they use."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

from schemas.limits import MAX_ID_BYTES
from schemas.numbers import plain_text
from schemas.timestamps import epoch_ms, utc_moment

_MOMENT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "integer", "description": "milliseconds since 1970 in UTC"},
        {"type": "string", "format": "date-time"},
    ]
}
_DECIMAL_SCHEMA: Final[dict[str, Any]] = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}


class Record(BaseModel):
    """A frozen value that stands on a topic as one JSON object; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> bytes:
        """Write the wire form: compact JSON in UTF-8."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, document: bytes | str) -> Self:
        """Read the wire form; raises pydantic's ValidationError, a ValueError."""
        return cls.model_validate_json(document)


def encodable(value: str) -> str:
    """Give back a text that UTF-8 can hold; raises ValueError for lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"cannot be written as UTF-8: {error.reason}") from error
    return value


def _within_id_bytes(value: str) -> str:
    length = len(value.encode())
    if length > MAX_ID_BYTES:
        raise ValueError(f"is {length} bytes long: use at most {MAX_ID_BYTES} bytes of UTF-8")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: give it a value")
    return value


Unicode = Annotated[str, AfterValidator(encodable)]
"""A text without lone surrogates, which JSON escapes can smuggle in and nothing can write out again."""
OptionalId = Annotated[Unicode, AfterValidator(_within_id_bytes)]
"""A text of at most 512 bytes in UTF-8; empty where absent."""
Text = Annotated[Unicode, AfterValidator(_not_empty), WithJsonSchema({"type": "string", "minLength": 1})]
"""A text that is not blank."""
Id = Annotated[
    Unicode,
    AfterValidator(_not_empty),
    AfterValidator(_within_id_bytes),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}),
]
"""A text that is not blank, of at most 512 bytes in UTF-8."""
Integer = Annotated[int, Strict()]
"""An int and nothing that only looks like one."""
EpochMs = Annotated[int, BeforeValidator(epoch_ms), WithJsonSchema(_MOMENT_SCHEMA)]
"""Milliseconds since 1970 in UTC; RFC 3339 with a zone is read as such."""
Moment = Annotated[datetime, BeforeValidator(utc_moment), WithJsonSchema(_MOMENT_SCHEMA)]
"""An aware datetime in UTC, read from RFC 3339 with a zone or epoch milliseconds."""
DecimalText = Annotated[
    Decimal,
    PlainSerializer(plain_text, return_type=str),
    WithJsonSchema(_DECIMAL_SCHEMA),
]
"""An exact number, a string in plain notation on the wire."""
