"""The meters that ship with Meterstream, for every tenant and environment."""

from functools import cache
from typing import Final, NamedTuple

from schemas.aggregation import Aggregation, AggregationType
from schemas.limits import EPOCH
from schemas.meters import ANY, Meter

TOTAL_USAGE: Final = "total_usage"
"""The property a volume meter adds up."""


class _Volume(NamedTuple):
    id: str
    name: str
    description: str


class _Performance(NamedTuple):
    id: str
    name: str
    description: str
    unit: str


_ENTRIES: Final = (
    _Volume("page.processed.basic", "Basic Document Scanning", "Total number of basic pages processed"),
    _Volume(
        "page.processed.advanced", "Advanced Document Scanning", "Total number of advanced pages processed"
    ),
    _Volume("report.generated.small", "Small Report Generation", "Total number of small reports generated"),
    _Volume(
        "report.generated.medium", "Medium Report Generation", "Total number of medium reports generated"
    ),
    _Volume("report.generated.large", "Large Report Generation", "Total number of large reports generated"),
    _Volume(
        "report.generated.dataquery",
        "Data Query Report Generation",
        "Total number of data query reports generated",
    ),
    _Volume(
        "report.generated.insights",
        "Insights Report Generation",
        "Total number of insights reports generated",
    ),
    _Volume(
        "rule.executed.small",
        "Small Rule Execution",
        "Total number of rules executed with runtime less than 1 minute",
    ),
    _Volume(
        "rule.executed.medium",
        "Medium Rule Execution",
        "Total number of rules executed with runtime between 1 and 3 minutes",
    ),
    _Volume(
        "rule.executed.large",
        "Large Rule Execution",
        "Total number of rules executed with runtime greater than 4 minutes",
    ),
    _Performance(
        "chat.on.time_hours",
        "Litewave AI Assistant Usage (Hours)",
        "Total active chat usage time in hours",
        unit="hours",
    ),
    _Performance(
        "chat.query.time_secs",
        "Litewave AI Assistant Query Time (Seconds)",
        "Total time spent per query in seconds",
        unit="seconds",
    ),
    _Volume("document.storage.size_gb", "Document Storage Size", "Total document storage consumed in GB"),
    _Volume(
        "template.processed.small", "Small Template Processing", "Total number of small templates processed"
    ),
    _Volume(
        "template.processed.medium",
        "Medium Template Processing",
        "Total number of medium templates processed",
    ),
    _Volume(
        "template.processed.large", "Large Template Processing", "Total number of large templates processed"
    ),
    _Volume(
        "template.processed.count", "Template Licensing Count", "Total number of licensed templates processed"
    ),
    _Volume("template.licensed.total", "Yearly Template Setup", "Total yearly template setup count"),
)


@cache
def catalogue() -> tuple[Meter, ...]:
    """The 18 shipped meters: volume ones are SUM of `total_usage`, performance ones DURATION in their unit.

    A tenant's own meter of the same id replaces a shipped one.
    """
    return tuple(_meter(entry) for entry in _ENTRIES)


def _meter(entry: _Volume | _Performance) -> Meter:
    if isinstance(entry, _Performance):
        return _shipped(entry, "performance", Aggregation(type=AggregationType.DURATION), entry.unit)
    return _shipped(entry, "volume", Aggregation(type=AggregationType.SUM, field=TOTAL_USAGE), unit="")


def _shipped(entry: _Volume | _Performance, kind: str, aggregation: Aggregation, unit: str) -> Meter:
    return Meter(
        id=entry.id,
        event_name=entry.id,
        name=entry.name,
        description=entry.description,
        type=kind,
        tenant_id=ANY,
        environment_id=ANY,
        aggregation=aggregation,
        unit=unit,
        created_at=EPOCH,
        created_by="meterstream",
    )
