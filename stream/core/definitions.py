"""The meter definitions a chunk knows, and which of them counts an event."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ANY: Final = "*"
_FOREVER: Final = 1 << 60


class Aggregation(StrEnum):
    """What a meter makes of the events it matches."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    LATEST = "LATEST"
    COUNT_UNIQUE = "COUNT_UNIQUE"
    DURATION = "DURATION"


@dataclass(frozen=True, slots=True)
class Definition:
    """One published version of a meter, as the stream counts by it.

    Attributes:
        effective_from: Epoch milliseconds of event time from which it is in force.
        filters: All must match: a property key, and the texts any of which it may have.
        published: False for an archived meter, which counts nothing while it is in force.
    """

    tenant_id: str
    environment_id: str
    meter_id: str
    meter_version: int
    event_name: str
    aggregation: Aggregation
    field: str
    filters: tuple[tuple[str, frozenset[str]], ...]
    group_by: tuple[str, ...]
    window_ms: int
    unit: str
    effective_from: int
    published: bool


@dataclass(frozen=True, slots=True)
class InForce:
    """A definition and the half-open span of event time, in epoch milliseconds, in which it counts."""

    definition: Definition
    start: int
    end: int


class DefinitionSet:
    """All versions known up to one point of the topic: a chunk counts by one such set."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._scopes: dict[tuple[str, str], dict[str, list[Definition]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for definition in definitions:
            meters = self._scopes[definition.tenant_id, definition.environment_id]
            meters[definition.meter_id].append(definition)

    def for_event(self, tenant_id: str, environment_id: str, event_name: str) -> tuple[InForce, ...]:
        """Return the definitions that may count a tenant's event of a name, each with its span of event time.

        A tenant's own meter replaces a "*" meter of the same id, and one for the environment replaces one for
        "*".
        """
        meters: dict[str, list[Definition]] = {}
        for scope in ((ANY, ANY), (ANY, environment_id), (tenant_id, ANY), (tenant_id, environment_id)):
            meters.update(self._scopes.get(scope, {}))
        return tuple(
            span
            for versions in meters.values()
            for span in _spans(versions)
            if span.definition.published and span.definition.event_name == event_name
        )


def _spans(versions: list[Definition]) -> Iterable[InForce]:
    """Cut event time among a meter's versions: the highest of those already effective is in force."""
    end = _FOREVER
    for definition in sorted(versions, key=lambda version: version.meter_version, reverse=True):
        if definition.effective_from < end:
            yield InForce(definition, definition.effective_from, end)
            end = definition.effective_from
