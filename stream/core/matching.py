"""Which meters an event matches, and the cells its usage falls into."""

from typing import Any, Final

from stream.core.aggregation import ADD, MAX_VALUE_BYTES, READ, Cell, is_too_long
from stream.core.definitions import Aggregation, DefinitionSet, InForce
from stream.core.numbers import property_text
from stream.core.rejections import Reason, RejectedError
from stream.core.windows import MAX_WINDOWS, split_interval, too_many_windows
from stream.core.wire import Event

_NO_PROPERTIES: Final[dict[str, Any]] = {}
_NO_GROUP: Final[tuple[str, ...]] = ()


class Lane:
    """One definition counting one tenant's events in one environment, and the cells it filled in a chunk.

    Attributes:
        cells: By customer, window start in epoch milliseconds, and the group's values.
        changed: The keys of those that differ from what was last flushed.
    """

    __slots__ = (
        "_add",
        "_field",
        "_filters",
        "_group_by",
        "_measures_time",
        "_read",
        "_window_ms",
        "cells",
        "changed",
        "definition",
        "end",
        "environment_id",
        "start",
        "tenant_id",
    )

    def __init__(self, tenant_id: str, environment_id: str, in_force: InForce) -> None:
        definition = in_force.definition
        self.tenant_id = tenant_id
        self.environment_id = environment_id
        self.definition = definition
        self.start = in_force.start
        self.end = in_force.end
        self.cells: dict[tuple[str, int, tuple[str, ...]], Cell] = {}
        self.changed: list[tuple[str, int, tuple[str, ...]]] = []
        self._field = definition.field
        self._filters = definition.filters
        self._group_by = definition.group_by
        self._window_ms = definition.window_ms
        self._add = ADD.get(definition.aggregation)
        self._read = READ.get(definition.aggregation, property_text)
        self._measures_time = definition.aggregation is Aggregation.DURATION

    def offer(self, event: Event, offset: int) -> bool:
        """Count an event if it passes every filter while the definition is in force; return whether it does.

        Raises:
            RejectedError: It matches, but this meter cannot use it.
            InexactNumberError: A number's exact text is needed; nothing was counted.
        """
        if self._measures_time:
            return self._offer_interval(event)
        timestamp: int = event.timestamp  # type: ignore[assignment] # an int once its bounds are checked
        if not self.start <= timestamp < self.end:
            return False
        properties = event.properties or _NO_PROPERTIES
        if self._filters and not self._passes(properties):
            return False
        group = self._group(properties) if self._group_by else _NO_GROUP
        if self._add is None:
            self._cell((event.customer_id, timestamp - timestamp % self._window_ms, group)).event_count += 1
            return True
        value = properties.get(self._field)
        if value is None:
            raise RejectedError(Reason.FIELD_MISSING, f"properties has no {self._field!r}")
        value = self._read(value)
        cell = self._cell((event.customer_id, timestamp - timestamp % self._window_ms, group))
        cell.event_count += 1
        self._add(cell, value, timestamp, offset)
        return True

    def _offer_interval(self, event: Event) -> bool:
        """Count an interval in force at its start, split over the windows it covers."""
        interval, properties = event.interval, event.properties or _NO_PROPERTIES
        moment: int = event.timestamp if interval is None else interval.start  # type: ignore[assignment] # as above
        if not self.start <= moment < self.end or not self._passes(properties):
            return False
        if interval is None:
            raise RejectedError(
                Reason.NO_INTERVAL, "a DURATION meter counts sessions and events with an interval"
            )
        if too_many_windows(interval.start, interval.end, self._window_ms):  # type: ignore[arg-type] # as above
            raise RejectedError(
                Reason.INTERVAL_OUT_OF_BOUNDS,
                f"the interval covers more than {MAX_WINDOWS:,} windows of this meter: make them longer",
            )
        group = self._group(properties)
        events = 1  # counted in the window of the start alone
        for window, milliseconds in split_interval(moment, interval.end, self._window_ms):  # type: ignore[arg-type] # as above
            cell = self._cell((event.customer_id, window, group))
            cell.event_count += events
            cell.whole += milliseconds
            events = 0
        return True

    def _passes(self, properties: dict[str, Any]) -> bool:
        for key, texts in self._filters:
            value = properties.get(key)
            if value.__class__ is not str:
                if value is None:
                    return False
                value = property_text(value)
            if value not in texts:
                return False
        return True

    def _cell(self, key: tuple[str, int, tuple[str, ...]]) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        if not cell.changed:
            cell.changed = True
            self.changed.append(key)
        return cell

    def _group(self, properties: dict[str, Any]) -> tuple[str, ...]:
        values = tuple([property_text(properties.get(key, "")) for key in self._group_by])
        for key, value in zip(self._group_by, values, strict=True):
            if is_too_long(value):
                raise RejectedError(
                    Reason.TOO_LONG, f"properties.{key}, a group value, is over {MAX_VALUE_BYTES} bytes"
                )
        return values


class Lanes:
    """The lanes of one chunk, found by what an event names: meters that do not match cost nothing."""

    def __init__(self, definitions: DefinitionSet) -> None:
        self._definitions = definitions
        self._by_event: dict[tuple[str, str, str], list[Lane]] = {}

    def for_event(self, event: Event) -> list[Lane]:
        """Return the lanes that may count the event."""
        name = (event.tenant_id, event.environment_id or "", event.event_name)
        lanes = self._by_event.get(name)
        if lanes is None:
            tenant_id, environment_id, event_name = name
            lanes = self._by_event[name] = [
                Lane(tenant_id, environment_id, in_force)
                for in_force in self._definitions.for_event(tenant_id, environment_id, event_name)
            ]
        return lanes

    def changed(self) -> list[Lane]:
        """Return the lanes with cells that differ from what was last flushed."""
        return [lane for lanes in self._by_event.values() for lane in lanes if lane.changed]
