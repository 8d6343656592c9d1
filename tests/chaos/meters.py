"""The meters of a run: every aggregation there is, and one definition that changes on the way."""

from datetime import UTC, datetime
from typing import Final

from schemas import Meter, parse_meters
from tests.chaos.records import TALK

HOUR: Final = 3_600
MINUTE: Final = 60

CALLS: Final = "calls"
TOKENS: Final = "tokens"
TOKENS_BY_MODEL: Final = "tokens_by_model"
BILLED: Final = "billed_calls"
MEAN: Final = "mean_latency"
LEAST: Final = "least_latency"
GREATEST: Final = "greatest_latency"
LATEST: Final = "latest_latency"
PROBES: Final = "probes"
PROBE_SIZE: Final = "probe_size"
PROBE_COLOURS: Final = "probe_colours"
TALK_TIME: Final = "talk_time"

MEASURED: Final = frozenset((MEAN, LEAST, GREATEST, LATEST, PROBE_COLOURS))
"""Meters whose values do not add up."""

BILLED_AT_FIRST: Final = ("eu",)
BILLED_AFTERWARDS: Final = ("eu", "us")


def _meter(meter_id: str, event: str, aggregation: str, field: str = "", **more: object) -> dict[str, object]:
    return {
        "id": meter_id,
        "name": meter_id,
        "tenant_id": "*",
        "environment_id": "*",
        "event_name": event,
        "aggregation": {"type": aggregation, "field": field} if field else {"type": aggregation},
        **more,
    }


def _billed(regions: tuple[str, ...]) -> dict[str, object]:
    return _meter(BILLED, "call", "COUNT", filters=[{"key": "region", "values": list(regions)}])


def first_meters() -> list[Meter]:
    """The meters before anything is published."""
    return parse_meters(
        [
            _meter(CALLS, "call", "COUNT"),
            _meter(TOKENS, "call", "SUM", "tokens"),
            _meter(TOKENS_BY_MODEL, "call", "SUM", "tokens", group_by=["model"], window_seconds=HOUR),
            _billed(BILLED_AT_FIRST),
            _meter(MEAN, "ping", "AVG", "latency"),
            _meter(LEAST, "ping", "MIN", "latency"),
            _meter(GREATEST, "ping", "MAX", "latency"),
            _meter(LATEST, "ping", "LATEST", "latency"),
            _meter(PROBES, "probe", "COUNT"),
            _meter(PROBE_SIZE, "probe", "SUM", "size"),
            _meter(PROBE_COLOURS, "probe", "COUNT_UNIQUE", "colour"),
            _meter(TALK_TIME, TALK, "DURATION", unit="seconds", window_seconds=HOUR),
        ]
    )


def changed_meters(changed_from: int) -> list[Meter]:
    """The meters that change on the way, from an event time (epoch milliseconds) on."""
    moment = datetime.fromtimestamp(changed_from / 1000, UTC)
    return parse_meters([_billed(BILLED_AFTERWARDS) | {"effective_from": moment.isoformat()}])
