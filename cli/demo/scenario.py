"""What the demo publishes, and what must come of it: worked out here, by other means than the stream's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
_HOURS_BACK: Final = 4

PAGES: Final = "page.processed.basic"
RULES: Final = "rule.executed.small"
CHAT_HOURS: Final = "chat.on.time_hours"
QUERY_SECONDS: Final = "chat.query.time_secs"


@dataclass(frozen=True, slots=True)
class Use:
    """A number used at a moment (epoch milliseconds)."""

    tenant_id: str
    meter_id: str
    total_usage: int | Decimal
    timestamp: int
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatSession:
    """A stretch of time (epoch milliseconds); its boundaries go out one by one, in the order given."""

    tenant_id: str
    meter_id: str
    session_id: str
    start_time: int
    end_time: int
    boundaries: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that one run of the demo publishes; its tenants are no other run's."""

    run: str
    uses: tuple[Use, ...]
    sessions: tuple[ChatSession, ...]


class Window(NamedTuple):
    """One row of the answer: whose, what, and the epoch second it begins at."""

    tenant_id: str
    meter_id: str
    start: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What a window holds; of sessions `total` is milliseconds and `events` the sessions that start in it."""

    total: Decimal
    events: int


def scenario(run: str, now_ms: int) -> Scenario:
    """The usage of one run, within the hours before `now_ms`."""
    hour = now_ms // HOUR_MS * HOUR_MS - _HOURS_BACK * HOUR_MS
    north, south, west = (f"{run}-{name}" for name in ("north", "south", "west"))
    return Scenario(
        run,
        uses=(*_pages((north, south, west), hour), *_rules(north, hour)),
        sessions=(
            # One after the other, the end first, and both in one call: all are the same to the count.
            _session(north, CHAT_HOURS, "s-1", hour + 15 * MINUTE_MS, 150 * MINUTE_MS, ("start",), ("end",)),
            _session(south, CHAT_HOURS, "s-2", hour + 30 * MINUTE_MS, 42 * MINUTE_MS, ("end",), ("start",)),
            _session(north, QUERY_SECONDS, "q-1", hour + 61_000, 1_234, ("start", "end")),
            _session(north, QUERY_SECONDS, "q-2", hour + 95_500, 12_500, ("start", "end")),
            _session(west, QUERY_SECONDS, "q-3", hour + HOUR_MS - 1_500, 4_750, ("start", "end")),
        ),
    )


def expected(scenario: Scenario) -> dict[Window, Counted]:
    """Every window the scenario must give, and nothing else."""
    totals: defaultdict[Window, Decimal] = defaultdict(Decimal)
    events: defaultdict[Window, int] = defaultdict(int)
    for use in scenario.uses:
        window = Window(use.tenant_id, use.meter_id, use.timestamp // MINUTE_MS * 60)
        totals[window] += use.total_usage
        events[window] += 1
    for session in scenario.sessions:
        for hour in range(session.start_time // HOUR_MS, (session.end_time - 1) // HOUR_MS + 1):
            window = Window(session.tenant_id, session.meter_id, hour * 3_600)
            inside = min(session.end_time, (hour + 1) * HOUR_MS) - max(session.start_time, hour * HOUR_MS)
            totals[window] += inside
            events[window] += hour == session.start_time // HOUR_MS
    return {window: Counted(total, events[window]) for window, total in totals.items()}


def expected_rules(scenario: Scenario) -> dict[str, int]:
    """How many events each rule_id has."""
    counts: defaultdict[str, int] = defaultdict(int)
    for use in scenario.uses:
        if use.meter_id == RULES:
            counts[use.metadata["rule_id"]] += 1
    return dict(counts)


def _pages(tenants: tuple[str, ...], hour: int) -> Iterator[Use]:
    for number, tenant in enumerate(tenants, start=1):
        for minute in range(3):
            for second in (0, 12, 59):
                moment = hour + minute * MINUTE_MS + second * 1_000
                yield Use(tenant, PAGES, 8 * number + second, moment, {"batch_id": f"batch-{minute}"})
    # As doubles these three would be 0.30000000000000004.
    for second in (1, 2, 3):
        yield Use(tenants[0], PAGES, Decimal("0.1"), hour + 3 * MINUTE_MS + second * 1_000)


def _rules(tenant: str, hour: int) -> Iterator[Use]:
    for second in range(0, 120, 10):
        rule = "rule-abc123" if second % 30 else "rule-def456"
        yield Use(tenant, RULES, 1, hour + second * 1_000, {"rule_id": rule})


def _session(
    tenant: str, meter: str, session_id: str, start: int, length: int, *boundaries: tuple[str, ...]
) -> ChatSession:
    return ChatSession(tenant, meter, session_id, start, start + length, boundaries)
