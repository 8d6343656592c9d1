"""Definitions: complete meters, one published version each; the rules a meter must keep to become one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from schemas.aggregation import DURATION_UNITS, Aggregation, AggregationType, Filter, FilterValue
from schemas.errors import InvalidMeterError
from schemas.faults import readable_faults
from schemas.keys import message_key
from schemas.limits import EPOCH, MAX_ID_BYTES
from schemas.meters import Meter
from schemas.records import Id, Moment, Text, Unicode
from schemas.timestamps import epoch_ms

DAY_SECONDS: Final = 86_400

_BOOKKEEPING: Final = {
    "meter_version",
    "effective_from",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
}


class CompleteAggregation(Aggregation):
    """How usage is calculated; every type but COUNT and DURATION needs the field it works on."""

    model_config = ConfigDict(title="Aggregation", from_attributes=True)

    field: Unicode = Field(default="", validate_default=True)

    @field_validator("field")
    @classmethod
    def _is_there_if_needed(cls, field: str, info: ValidationInfo) -> str:
        aggregation_type = info.data.get("type")
        if aggregation_type is not None and aggregation_type.needs_field and not field.strip():
            raise ValueError(f"is missing: name the property that {aggregation_type} works on")
        return field


def _at_least_one(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("is empty: give at least one")
    return values


class CompleteFilter(Filter):
    """A condition on one first-level property: a key and at least one value, compared as written."""

    model_config = ConfigDict(title="Filter", from_attributes=True)

    key: Text
    values: Annotated[
        tuple[FilterValue, ...], AfterValidator(_at_least_one), Field(json_schema_extra={"minItems": 1})
    ]


def _group_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    faults = [
        f"names {key!r} {times} times: name it once" for key, times in Counter(keys).items() if times > 1
    ]
    if any(not key.strip() for key in keys):
        faults.append("has an empty key: name a property")
    if any(len(key.encode()) > MAX_ID_BYTES for key in keys):
        faults.append(f"has a key that is too long: use at most {MAX_ID_BYTES} bytes of UTF-8")
    if faults:
        raise ValueError("; ".join(faults))
    return keys


class CompleteMeter(Meter):
    """A meter that keeps every rule.

    id, event_name, name and aggregation are there; `window_seconds` divides a day (86,400); group_by names
    properties, each once; a DURATION meter's unit is one of time.
    """

    model_config = ConfigDict(title="Meter")

    id: Id
    event_name: Id
    name: Text
    tenant_id: Id = "default"
    environment_id: Id = "default"
    aggregation: CompleteAggregation
    filters: tuple[CompleteFilter, ...] = ()
    group_by: Annotated[tuple[Unicode, ...], AfterValidator(_group_keys)] = ()
    meter_version: Annotated[int, Field(strict=True, ge=1)] = 1

    @field_validator("window_seconds")
    @classmethod
    def _divides_a_day(cls, seconds: int) -> int:
        if seconds < 1 or DAY_SECONDS % seconds:
            raise ValueError(
                f"{seconds} does not divide a day: use a positive divisor of {DAY_SECONDS}, such as 60"
            )
        return seconds

    @field_validator("unit")
    @classmethod
    def _measures_time_for_duration(cls, unit: str, info: ValidationInfo) -> str:
        aggregation = info.data.get("aggregation")
        measures_time = aggregation is not None and aggregation.type is AggregationType.DURATION
        if measures_time and unit not in DURATION_UNITS:
            units = ", ".join(name for name in DURATION_UNITS if name)
            raise ValueError(f"{unit!r} is not a unit of time: a DURATION meter's is one of {units}")
        return unit


class MeterDefinition(CompleteMeter):
    """What stands on `meter-definitions`: one immutable version of a meter.

    Of the versions a chunk knows, the one in force at an event's timestamp counts it.
    """

    model_config = ConfigDict(title="MeterDefinition")

    effective_from: Moment

    @property
    def effective_from_ms(self) -> int:
        """Epoch milliseconds from which this version counts."""
        return epoch_ms(self.effective_from)


def definition(
    meter: Meter, meter_version: int | None = None, effective_from: datetime | None = None
) -> MeterDefinition:
    """Make a meter the definition it describes, of the version and time given or else its own.

    Where neither says from when, it counts from the epoch on, as the first version of a meter does.

    Raises:
        InvalidMeterError: naming every fault of the meter, each with its place and what to do.
    """
    given = {"meter_version": meter_version, "effective_from": effective_from}
    overrides = {name: value for name, value in given.items() if value is not None}
    try:
        return MeterDefinition.model_validate({"effective_from": EPOCH, **_given_fields(meter), **overrides})
    except ValidationError as error:
        raise InvalidMeterError(readable_faults(error, MeterDefinition)) from error


def definition_key(meter: Meter) -> bytes:
    """The key of a meter's version on `meter-definitions`: tenant/environment/meter/version."""
    return message_key(meter.tenant_id, meter.environment_id, meter.id, str(meter.meter_version))


def validate(meter: Meter) -> None:
    """Check that a meter is complete and keeps every rule.

    Raises:
        InvalidMeterError: naming every fault of the meter, each with its place and what to do.
    """
    faults = tuple(meter_faults(_given_fields(meter)))
    if faults:
        raise InvalidMeterError(faults)


def meter_faults(fields: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a JSON or YAML file held
    """Every fault of one meter, given as field names to values, each with its place and what to do."""
    try:
        CompleteMeter.model_validate(dict(fields) if isinstance(fields, Mapping) else fields)
    except ValidationError as error:
        yield from readable_faults(error, CompleteMeter)


def same_meter(one: Meter, other: Meter) -> bool:
    """Whether two complete meters count alike; version, effective_from and authorship are left aside.

    Applying a meter that is the same as its latest version publishes nothing.

    Raises:
        InvalidMeterError: one of them has faults.
    """
    alike = (definition(meter).model_dump(exclude=_BOOKKEEPING) for meter in (one, other))
    return next(alike) == next(alike)


def _given_fields(meter: Meter) -> dict[str, Any]:
    """A window nobody gave is left to the default of the aggregation, which may have been given later."""
    defaulted = {"window_seconds"} - meter.model_fields_set
    return meter.model_dump(exclude_none=True, exclude=defaulted)
