"""Usage events: one use of something by one customer at one moment."""

from decimal import Decimal
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from schemas.decoding import decode_exactly
from schemas.numbers import plain_text
from schemas.records import EpochMs, Id, OptionalId, Record, Unicode, encodable

PropertyValue = str | int | Decimal | bool

_PROPERTIES: Final = "properties"
_METADATA: Final = "metadata"
_DIGITS: Final = 512
_INT64_END: Final = 2**63


def _property_value(value: object) -> PropertyValue:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, float):
        value = Decimal(float.__repr__(value))  # numpy's floats print otherwise
    if isinstance(value, Decimal | int):
        return value if isinstance(value, bool) else _writable(value)
    raise ValueError(f"must be text, a number or true/false, not {type(value).__name__}")


def _writable(number: int | Decimal) -> int | Decimal:
    if isinstance(number, Decimal) and not number.is_finite():
        raise ValueError(f"{number} is not a number: leave the property out or give a finite one")
    too_long = (
        abs(number.adjusted()) >= _DIGITS if isinstance(number, Decimal) else abs(number) >= 10**_DIGITS
    )
    if too_long:
        raise ValueError(f"is written with more than {_DIGITS} digits: no meter can use it")
    return number


_VALUE_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
}
Property = Annotated[PropertyValue, PlainValidator(_property_value), WithJsonSchema(_VALUE_SCHEMA)]


def _metadata_in_schema(schema: dict[str, Any]) -> None:
    fields = schema[_PROPERTIES]
    fields[_METADATA] = {
        **fields[_PROPERTIES],
        "description": "Another name of properties; give one of them.",
    }


class Interval(Record):
    """A stretch of time, epoch milliseconds; its use is split over the windows it touches."""

    start: EpochMs
    end: EpochMs


class UsageEvent(Record):
    """One use: `event_name` says of what; `properties` are what meters add up, filter and group by.

    `timestamp` is epoch milliseconds, also read from RFC 3339 with a zone (digits beyond milliseconds are
    cut). Numbers are exact: a float becomes the Decimal it prints as. `metadata` is another name of
    `properties`. Ids are at most 512 bytes of UTF-8; `event_id` is what makes a repeat a duplicate.
    """

    model_config = ConfigDict(json_schema_extra=_metadata_in_schema)

    event_id: Id
    tenant_id: Id
    environment_id: Id = "default"
    event_name: Id
    customer_id: Id
    timestamp: EpochMs
    properties: dict[Unicode, Property] = Field(default_factory=dict)
    device_id: OptionalId = ""
    source: OptionalId = ""
    interval: Interval | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_metadata_for_properties(cls, fields: Any) -> Any:  # noqa: ANN401 - not yet validated
        if not isinstance(fields, dict) or _METADATA not in fields:
            return fields
        if _PROPERTIES in fields:
            raise ValueError("metadata is another name of properties: give one of them, not both")
        return {_PROPERTIES if name == _METADATA else name: value for name, value in fields.items()}

    def to_json(self) -> bytes:
        """Write the wire form: compact JSON in UTF-8, absent fields left out, numbers exact."""
        fields = {name: value for name, value in self.model_dump().items() if value not in ("", None)}
        fields[_PROPERTIES] = {key: _wire_value(value) for key, value in self.properties.items()}
        return orjson.dumps(fields)

    @classmethod
    def from_json(cls, document: bytes | str) -> Self:
        """Read the wire form with exact numbers.

        Raises:
            UndecodableError: no JSON object in UTF-8, a repeated key, NaN or Infinity.
            pydantic.ValidationError: a ValueError, when a field breaks its rule.
        """
        return cls.model_validate(decode_exactly(document))


def _wire_value(value: PropertyValue) -> str | int | bool:
    """A numeric text counts as the number, and decoders that read numbers as doubles leave it alone."""
    if isinstance(value, Decimal):
        return plain_text(value)
    if isinstance(value, int) and not -_INT64_END <= value < _INT64_END:
        return str(value)
    return value
