"""Which meters an event matches, and the cells its usage falls into."""

from typing import Any, Final

from stream.core.aggregation import ADD, MAX_VALUE_BYTES, READ, Cell, is_too_long
from stream.core.definitions import Aggregation, DefinitionSet, InForce
from stream.core.numbers import property_text
from stream.core.rejections import Reason, RejectedError
from stream.core.windows import MAX_WINDOWS, split_interval, too_many_windows, window_start
from stream.core.wire import DEFAULT_ENVIRONMENT, Event, Interval

_NO_GROUP: Final[tuple[str, ...]] = ()

Cells = dict[Any, Cell]
"""Of one window: by customer, or by customer and the group's values where the meter groups."""


class Lane:
    """One definition counting one tenant's events in one environment, and the cells it filled in a chunk.

    Attributes:
        changed: Cells that differ from what was last flushed.
    """

    __slots__ = (
        "_add",
        "_cells",
        "_field",
        "_filters",
        "_group_by",
        "_measures_time",
        "_read",
        "_window",
        "_window_end",
        "_window_ms",
        "_windows",
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
        self.start: int = in_force.start
        self.end: int = in_force.end
        self.changed: list[Cell] = []
        self._windows: dict[int, Cells] = {}
        # The window of the last event, which most often is that of the next one.
        self._window = self._window_end = 0
        self._cells: Cells = {}
        self._field = definition.field
        self._filters = definition.filters
        self._group_by = definition.group_by
        self._window_ms: int = definition.window_ms
        self._add = ADD.get(definition.aggregation)
        self._read = READ.get(definition.aggregation, property_text)
        self._measures_time = definition.aggregation is Aggregation.DURATION

    def offer(
        self,
        customer_id: str,
        timestamp: int,
        properties: dict[str, Any],
        interval: Interval | None,
        offset: int,
    ) -> bool:
        """Count an event if it passes every filter while the definition is in force; return whether it does.

        Raises:
            RejectedError: It matches, but this meter cannot use it.
            InexactNumberError: A number's exact text is needed; nothing was counted.
        """
        if self._measures_time:
            return self._offer_interval(customer_id, timestamp, properties, interval)
        if not self.start <= timestamp < self.end:
            return False
        if self._filters and not self._passes(properties):
            return False
        group = self._group(properties) if self._group_by else _NO_GROUP
        number: Any = None
        if self._add is not None:
            value = properties.get(self._field)
            if value is None:
                raise RejectedError(Reason.FIELD_MISSING, f"properties has no {self._field!r}")
            number = self._read(value)
        if not self._window <= timestamp < self._window_end:
            self._enter_window(timestamp)
        cell = self._cell(customer_id, group)
        cell.event_count += 1
        if self._add is not None:
            self._add(cell, number, timestamp, offset)
        return True

    def _offer_interval(
        self, customer_id: str, timestamp: int, properties: dict[str, Any], interval: Interval | None
    ) -> bool:
        """Count an interval in force at its start, split over the windows it covers."""
        start: int = timestamp if interval is None else interval.start  # type: ignore[assignment] # an int once checked
        if not self.start <= start < self.end or not self._passes(properties):
            return False
        if interval is None:
            raise RejectedError(
                Reason.NO_INTERVAL, "a DURATION meter counts sessions and events with an interval"
            )
        end: int = interval.end  # type: ignore[assignment] # likewise
        if too_many_windows(start, end, self._window_ms):
            raise RejectedError(
                Reason.INTERVAL_OUT_OF_BOUNDS,
                f"the interval covers more than {MAX_WINDOWS:,} windows of this meter: make them longer",
            )
        group = self._group(properties)
        events = 1  # counted in the window of the start alone
        for window, milliseconds in split_interval(start, end, self._window_ms):
            self._enter_window(window)
            cell = self._cell(customer_id, group)
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

    def _enter_window(self, timestamp: int) -> None:
        """Find the cells of the window that holds a timestamp."""
        window = window_start(timestamp, self._window_ms)
        self._window, self._window_end = window, window + self._window_ms
        cells = self._windows.get(window)
        if cells is None:
            cells = self._windows[window] = {}
        self._cells = cells

    def _cell(self, customer_id: str, group: tuple[str, ...]) -> Cell:
        """Return the cell in the window entered last, marked as changed."""
        key = (customer_id, group) if group else customer_id
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(customer_id, group, self._window)
        if not cell.changed:
            cell.changed = True
            self.changed.append(cell)
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
    """The lanes of one chunk, found by what an event names: meters that do not match cost nothing.

    Attributes:
        by_tenant: Those of the default environment that were asked for, by tenant and event name.
    """

    def __init__(self, definitions: DefinitionSet) -> None:
        self._definitions = definitions
        self.by_tenant: dict[str, dict[str, list[Lane]]] = {}
        self._elsewhere: dict[tuple[str, str], dict[str, list[Lane]]] = {}

    def for_event(self, event: Event) -> list[Lane]:
        """Return the lanes that may count the event."""
        tenant_id, environment_id = event.tenant_id, event.environment_id or DEFAULT_ENVIRONMENT
        if environment_id == DEFAULT_ENVIRONMENT:
            by_name = self.by_tenant.setdefault(tenant_id, {})
        else:
            by_name = self._elsewhere.setdefault((tenant_id, environment_id), {})
        lanes = by_name.get(event.event_name)
        if lanes is None:
            lanes = by_name[event.event_name] = [
                Lane(tenant_id, environment_id, in_force)
                for in_force in self._definitions.for_event(tenant_id, environment_id, event.event_name)
            ]
        return lanes

    def changed(self) -> list[Lane]:
        """Return the lanes with cells that differ from what was last flushed."""
        return [
            lane
            for scopes in (self.by_tenant, self._elsewhere)
            for by_name in scopes.values()
            for lanes in by_name.values()
            for lane in lanes
            if lane.changed
        ]
