"""The truth: a plain fold over the events of a plan, each counted once."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tests.chaos import meters
from tests.chaos.plan import CUSTOMERS, MODELS, REGIONS, Kind, Plan, PlannedSession, mixed, tenant_of
from tests.chaos.records import call, colour, is_ping, latency

_HOUR_MS = meters.HOUR * 1000
_EIGHTEEN_DECIMALS = 10**18


class Cell(NamedTuple):
    """One meter's usage by one customer in one window; `window_start` is epoch seconds."""

    meter_id: str
    tenant_id: str
    customer_id: str
    model: str
    window_start: int


class Usage(NamedTuple):
    """How many events a cell has, and its value."""

    events: int
    value: Decimal


@dataclass
class Truth:
    """What a plan comes to; `events` are the numbers of events by kind."""

    usage: dict[Cell, Usage]
    events: dict[Kind, int]
    sessions: list[PlannedSession]


@dataclass(slots=True)
class _Calls:
    count: int = 0
    tokens: int = 0


@dataclass(slots=True)
class _Pings:
    count: int = 0
    total: int = 0
    least: int = 1 << 60
    greatest: int = -(1 << 60)
    latest: tuple[int, int, int] = (0, 0, 0)  # timestamp, event, value


@dataclass
class _Fold:
    calls: dict[tuple[int, int, int], _Calls] = field(default_factory=lambda: defaultdict(_Calls))
    billed: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    pings: dict[tuple[int, int], _Pings] = field(default_factory=lambda: defaultdict(_Pings))
    probes: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    known_sessions: dict[int, PlannedSession] = field(default_factory=dict)
    events: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, plan: Plan, n: int) -> None:
        kind = plan.kind(n)
        self.events[kind] += 1
        if kind is Kind.CALL or kind is Kind.LATE:
            self._use(plan, n)
        elif kind is Kind.PARTIAL:
            self.probes[plan.customer(n), plan.moment(n) // 60_000].append(colour(plan, n))
        elif kind is Kind.SESSION_START or kind is Kind.SESSION_END:
            session = plan.session(n)
            self.known_sessions[session.number] = session
            self.sessions[session.number] += 1

    def _use(self, plan: Plan, n: int) -> None:
        drawn, timestamp = mixed(plan.seed, n), plan.timestamp(n)
        customer, minute = drawn % CUSTOMERS, timestamp // 60_000
        if is_ping(drawn):
            pings, value = self.pings[customer, minute], latency(drawn)
            pings.count += 1
            pings.total += value
            pings.least = min(pings.least, value)
            pings.greatest = max(pings.greatest, value)
            # Of one moment the later event: a customer's events stand on one partition in their order.
            pings.latest = max(pings.latest, (timestamp, n, value))
            return
        model, region, tokens = call(drawn)
        calls = self.calls[customer, minute, model]
        calls.count += 1
        calls.tokens += tokens
        regions = meters.BILLED_AFTERWARDS if timestamp >= plan.changed_from else meters.BILLED_AT_FIRST
        if REGIONS[region] in regions:
            self.billed[customer, minute] += 1


def fold(plan: Plan) -> Truth:
    """Count every event of the plan once."""
    folded = _Fold()
    for n in range(plan.events):
        folded.add(plan, n)
    complete = [folded.known_sessions[number] for number, seen in folded.sessions.items() if seen == 2]
    usage: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
    for cell, events, hundredths in (*_summed(folded), *_talks(complete)):
        usage[cell][0] += events
        usage[cell][1] += hundredths
    counted = {cell: Usage(events, _hundredths(cell, total)) for cell, (events, total) in usage.items()}
    return Truth(counted | dict(_measured(folded)), dict(folded.events), complete)


def _hundredths(cell: Cell, total: int) -> Decimal:
    return Decimal(total) / (1000 if cell.meter_id == meters.TALK_TIME else 100)


def _summed(folded: _Fold) -> Iterator[tuple[Cell, int, int]]:
    for (customer, minute, model), calls in folded.calls.items():
        yield _cell(meters.CALLS, customer, minute * 60), calls.count, calls.count * 100
        yield _cell(meters.TOKENS, customer, minute * 60), calls.count, calls.tokens
        hour = minute // 60 * 3_600
        yield _cell(meters.TOKENS_BY_MODEL, customer, hour, MODELS[model]), calls.count, calls.tokens
    for (customer, minute), count in folded.billed.items():
        yield _cell(meters.BILLED, customer, minute * 60), count, count * 100
    for (customer, minute), colours in folded.probes.items():
        yield _cell(meters.PROBES, customer, minute * 60), len(colours), len(colours) * 100


def _measured(folded: _Fold) -> Iterator[tuple[Cell, Usage]]:
    for (customer, minute), colours in folded.probes.items():
        distinct = Usage(len(colours), Decimal(len(set(colours))))
        yield _cell(meters.PROBE_COLOURS, customer, minute * 60), distinct
    for (customer, minute), pings in folded.pings.items():
        values = {
            meters.MEAN: _mean(pings),
            meters.LEAST: Decimal(pings.least),
            meters.GREATEST: Decimal(pings.greatest),
            meters.LATEST: Decimal(pings.latest[2]),
        }
        for meter_id, value in values.items():
            yield _cell(meter_id, customer, minute * 60), Usage(pings.count, value)


def _mean(pings: _Pings) -> Decimal:
    """The mean as the view divides: cut, not rounded, at 18 decimals."""
    size, sign = abs(pings.total) * _EIGHTEEN_DECIMALS // pings.count, -1 if pings.total < 0 else 1
    return Decimal(sign * size).scaleb(-18)


def _talks(sessions: list[PlannedSession]) -> Iterator[tuple[Cell, int, int]]:
    """Milliseconds by window; the session itself counts in the window of its start."""
    for session in sessions:
        for hour in range(session.start // _HOUR_MS, (session.end - 1) // _HOUR_MS + 1):
            begin, end = max(session.start, hour * _HOUR_MS), min(session.end, (hour + 1) * _HOUR_MS)
            is_first = hour == session.start // _HOUR_MS
            yield _cell(meters.TALK_TIME, session.customer, hour * 3_600), int(is_first), end - begin


def _cell(meter_id: str, customer: int, window_start: int, model: str = "") -> Cell:
    return Cell(meter_id, tenant_of(customer), f"c{customer}", model, window_start)
