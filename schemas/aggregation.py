"""The vocabulary of meters: aggregation types, filters, statuses, units."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator

from schemas.records import Record, Unicode

DURATION_UNITS: Final = {
    "": 1,
    "milliseconds": 1,
    "seconds": 1_000,
    "minutes": 60_000,
    "hours": 3_600_000,
    "days": 86_400_000,
}
"""The units a DURATION meter may have, each in milliseconds; no unit means milliseconds."""


class AggregationType(StrEnum):
    """How the events of a window become one value; all but COUNT and DURATION need a field."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    LATEST = "LATEST"
    COUNT_UNIQUE = "COUNT_UNIQUE"
    DURATION = "DURATION"

    @property
    def needs_field(self) -> bool:
        return self not in (AggregationType.COUNT, AggregationType.DURATION)


class ResetUsage(StrEnum):
    """Whether usage starts again with each billing period (requests) or never does (storage)."""

    BILLING_PERIOD = "BILLING_PERIOD"
    NEVER = "NEVER"


class Status(StrEnum):
    """A published meter counts; an archived one was disabled and counts no more."""

    PUBLISHED = "published"
    ARCHIVED = "archived"


def _as_written(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError(f"{value!r} has no single text: put it in quotes, as events write it")
    return str(value) if isinstance(value, int) else value


FilterValue = Annotated[Unicode, BeforeValidator(_as_written)]
"""Compared as written with a property's text; a whole number has one such text, so it needs no quotes."""


class Aggregation(Record):
    """How usage is calculated; `field` is the first-level property that is added up."""

    type: AggregationType
    field: Unicode = ""


class Filter(Record):
    """A condition on one first-level property: its text is one of `values`, case-sensitive.

    All filters of a meter must hold; an event without the property does not match.
    """

    key: Unicode = ""
    values: tuple[FilterValue, ...] = ()
