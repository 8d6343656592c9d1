"""What a log comes to: one record after another, dictionaries and Fractions, everything kept."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from stream.core.definitions import Aggregation, Definition
from stream.core.log import LOG_APPEND_TIME, Record

from .plain_reading import DAY_MS, YEAR_2100, Refused, SessionMark, Usage, number, read, text

FOREIGN_TENANT = "foreign"


class Settings(NamedTuple):
    """Records and seconds of a chunk and of a dedupe generation."""

    chunk: tuple[int, int]
    dedupe: tuple[int, int]


@dataclass(frozen=True)
class History:
    """A log, and from which offset on chunks that begin have other settings or know further definitions."""

    log: Sequence[Record]
    deployments: Sequence[tuple[int, Settings]]
    published: Sequence[tuple[int, Definition]]

    def settings_at(self, offset: int) -> Settings:
        return [settings for since, settings in self.deployments if since <= offset][-1]

    def definitions_end_at(self, offset: int) -> int:
        return sum(since <= offset for since, _ in self.published)

    def definitions_before(self, end: int) -> list[Definition]:
        return [definition for _, definition in self.published[:end]]


class CellKey(NamedTuple):
    """Where usage falls; times are epoch seconds."""

    tenant: str
    environment: str
    meter: str
    version: int
    customer: str
    group: tuple[tuple[str, str], ...]
    window_start: int
    window_end: int


@dataclass
class Statistics:
    """Of the events in a cell; `latest` is (timestamp, offset, number)."""

    event_count: int = 0
    total: Fraction | None = None
    least: Fraction | None = None
    greatest: Fraction | None = None
    latest: tuple[int, int, Fraction] | None = None
    values: set[str] = field(default_factory=set)


@dataclass
class Fold:
    """The whole truth about a log.

    Attributes:
        chunks: By the offset of its first record: the outcomes of its records.
        letters: (offset, meter or nothing, reason).
        forwarded: The session boundaries by offset.
    """

    cells: dict[CellKey, Statistics] = field(default_factory=lambda: defaultdict(Statistics))
    chunks: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    letters: set[tuple[int, str, str]] = field(default_factory=set)
    forwarded: dict[int, SessionMark] = field(default_factory=dict)


class Place(NamedTuple):
    """A record's chunk, the definitions the chunk knows, and the number of its dedupe generation."""

    chunk_start: int
    definitions: list[Definition]
    generation: int


def plain_fold(history: History) -> Fold:
    """Count every record of a log."""
    fold, last_seen = Fold(), dict[tuple[str, str], int]()
    for record, place in zip(history.log, _places(history), strict=True):
        outcomes = fold.chunks[place.chunk_start]
        outcomes["read"] += 1
        outcomes[_outcome(record, place, last_seen, fold)] += 1
    return fold


def is_control(record: Record) -> bool:
    return record.value is None and "meterstream-control" in dict(record.headers)


def bucket(record: Record, size: tuple[int, int]) -> tuple[int, ...]:
    """Return what all records of a run have in common; a producer's timestamps cut nothing."""
    records, seconds = size
    is_stamped = record.timestamp_type == LOG_APPEND_TIME
    return (
        record.offset // records,
        record.timestamp_type,
        record.timestamp // (1000 * seconds) if is_stamped else 0,
    )


def is_over(first: Record, record: Record, size: tuple[int, int]) -> bool:
    """Return whether a dedupe generation that began at `first` is over before a record."""
    records, seconds = size
    are_stamped = first.timestamp_type == record.timestamp_type == LOG_APPEND_TIME
    is_old = are_stamped and record.timestamp - first.timestamp >= 1000 * seconds
    return is_old or record.offset - first.offset >= records


def _places(history: History) -> Iterator[Place]:
    before, settings, place = None, history.settings_at(0), Place(-1, [], 0)
    first = history.log[0]
    for record in history.log:
        cut = before is None or bucket(before, settings.chunk) != bucket(record, settings.chunk)
        if cut or is_control(record):
            settings = history.settings_at(record.offset)
            known = history.definitions_before(history.definitions_end_at(record.offset))
            place = place._replace(chunk_start=record.offset, definitions=known)
        if is_over(first, record, settings.dedupe):
            first, place = record, place._replace(generation=place.generation + 1)
        yield place
        before = record


def _outcome(record: Record, place: Place, last_seen: dict[tuple[str, str], int], fold: Fold) -> str:
    if is_control(record):
        return "control"
    latest = record.timestamp + DAY_MS if record.timestamp_type == LOG_APPEND_TIME else YEAR_2100 - 1
    try:
        usage = read(record.value, latest, FOREIGN_TENANT)
    except Refused as refused:
        fold.letters.add((record.offset, "", refused.args[0]))
        return "rejected"
    if isinstance(usage, SessionMark):
        fold.forwarded[record.offset] = usage
        return "forwarded"
    if usage.key is not None:
        last = last_seen.get(usage.key)
        last_seen[usage.key] = place.generation
        if last is not None and place.generation - last <= 1:
            return "duplicate"
    return _matched(usage, record.offset, place, fold)


def _matched(usage: Usage, offset: int, place: Place, fold: Fold) -> str:
    accepted = refused = 0
    for meter in meters_for(usage, place.definitions):
        try:
            accepted += _count(usage, offset, meter, fold)
        except Refused as refusal:
            refused += 1
            fold.letters.add((offset, meter.meter_id, refusal.args[0]))
    fold.chunks[place.chunk_start]["meter_rejections"] += refused
    return "accepted" if accepted else "rejected" if refused else "unmatched"


def meters_for(usage: Usage, known: Sequence[Definition]) -> Iterator[Definition]:
    """Yield of each meter id the version in force: of the nearest scope, the highest already effective."""
    tenant, environment = usage.tenant, usage.environment
    scopes = [(tenant, environment), (tenant, "*"), ("*", environment), ("*", "*")]
    for meter_id in {one.meter_id for one in known}:
        named = [one for one in known if one.meter_id == meter_id]
        by_scope = [
            [one for one in named if (one.tenant_id, one.environment_id) == scope] for scope in scopes
        ]
        yield from _in_force(usage, next(filter(None, by_scope), []))


def _scope(meter: Definition) -> tuple[str, str]:
    return meter.tenant_id, meter.environment_id


def _in_force(usage: Usage, versions: list[Definition]) -> Iterator[Definition]:
    # Versions of one meter may measure time or numbers, and so look at different moments of an event.
    for candidate in versions:
        moment = _moment(usage, candidate)
        effective = [one for one in versions if one.effective_from <= moment]
        is_in_force = effective and max(effective, key=lambda one: one.meter_version) is candidate
        if is_in_force and candidate.published and candidate.event_name == usage.name:
            yield candidate


def _moment(usage: Usage, meter: Definition) -> int:
    if meter.aggregation is Aggregation.DURATION and usage.interval is not None:
        return usage.interval[0]
    return usage.time


def _count(usage: Usage, offset: int, meter: Definition, fold: Fold) -> bool:
    properties = usage.properties
    for key, values in meter.filters:
        if key not in properties or text(properties[key]) not in values:
            return False
    if meter.aggregation is Aggregation.DURATION and usage.interval is None:
        raise Refused("no_interval")
    if meter.aggregation is Aggregation.DURATION and _window_count(*usage.interval, meter.window_ms) > 50_000:
        raise Refused("interval_out_of_bounds")
    group = tuple((key, text(properties.get(key, ""))) for key in meter.group_by)
    if any(len(value.encode()) > 512 for _, value in group):
        raise Refused("too_long")
    if meter.aggregation is Aggregation.DURATION:
        for moment, milliseconds in _by_window(*usage.interval, meter.window_ms):
            cell = fold.cells[_key(usage, meter, group, moment)]
            cell.event_count += moment == usage.interval[0]
            cell.total = (cell.total or Fraction(0)) + milliseconds
        return True
    value = None if meter.aggregation is Aggregation.COUNT else _value(properties, meter)
    cell = fold.cells[_key(usage, meter, group, usage.time)]
    cell.event_count += 1
    if value is not None:
        AGGREGATE[meter.aggregation](cell, value, usage.time, offset)
    return True


def _value(properties: dict[str, Any], meter: Definition) -> Fraction | str:
    if meter.field not in properties:
        raise Refused("field_missing")
    if meter.aggregation is not Aggregation.COUNT_UNIQUE:
        return number(properties[meter.field])
    value = text(properties[meter.field])
    if len(value.encode()) > 512:
        raise Refused("too_long")
    return value


def _window_count(start: int, end: int, window_ms: int) -> int:
    return -(-end // window_ms) - start // window_ms


def _by_window(start: int, end: int, window_ms: int) -> Iterator[tuple[int, int]]:
    """Yield (a moment in the window, milliseconds in it): from edge to edge."""
    moment = start
    while True:
        edge = (moment // window_ms + 1) * window_ms
        yield moment, min(edge, end) - moment
        if edge >= end:
            return
        moment = edge


def _key(usage: Usage, meter: Definition, group: tuple[tuple[str, str], ...], moment: int) -> CellKey:
    window = moment // meter.window_ms
    return CellKey(
        usage.tenant,
        usage.environment,
        meter.meter_id,
        meter.meter_version,
        usage.customer,
        group,
        window * meter.window_ms // 1000,
        (window + 1) * meter.window_ms // 1000,
    )


def _sum(cell: Statistics, value: Fraction, _time: int, _offset: int) -> None:
    cell.total = (cell.total or Fraction(0)) + value


def _min(cell: Statistics, value: Fraction, _time: int, _offset: int) -> None:
    cell.least = value if cell.least is None else min(cell.least, value)


def _max(cell: Statistics, value: Fraction, _time: int, _offset: int) -> None:
    cell.greatest = value if cell.greatest is None else max(cell.greatest, value)


def _latest(cell: Statistics, value: Fraction, time: int, offset: int) -> None:
    stated = (time, offset, value)
    cell.latest = stated if cell.latest is None else max(cell.latest, stated)


def _distinct(cell: Statistics, value: str, _time: int, _offset: int) -> None:
    cell.values.add(value)


AGGREGATE: dict[Aggregation, Any] = {
    Aggregation.SUM: _sum,
    Aggregation.AVG: _sum,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.LATEST: _latest,
    Aggregation.COUNT_UNIQUE: _distinct,
}
"""A new aggregation of a field gets its line here, and a statistic by which two rows can be joined."""
