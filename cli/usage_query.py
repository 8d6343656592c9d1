"""The query behind `meterstream usage`: what is asked, and its parameters, bound by the server."""

from dataclasses import dataclass
from typing import Any, Final

COLUMNS: Final = (
    "tenant_id",
    "environment_id",
    "meter_id",
    "customer_id",
    "group",
    "window_start",
    "window_end",
    "aggregation",
    "value",
    "event_count",
)
_SELECT: Final = """SELECT
    tenant_id, environment_id, meter_id, customer_id, `group`,
    toString(window_start) AS start, toString(window_end) AS end, aggregation,
    toString(value) AS amount, event_count
FROM meter_usage"""
_ORDER: Final = """ORDER BY
    window_start DESC, tenant_id DESC, environment_id DESC, meter_id DESC, customer_id DESC,
    toString(`group`) DESC
LIMIT {limit:UInt64}"""
_CONDITIONS: Final = {
    "tenant": "tenant_id = {tenant:String}",
    "meter": "meter_id = {meter:String}",
    "customer": "customer_id = {customer:String}",
    "from_second": "window_start >= toDateTime({from_second:Int64}, 'UTC')",
    "to_second": "window_start < toDateTime({to_second:Int64}, 'UTC')",
}
_LAST_SECOND: Final = 2**32 - 1
"""The last one that ClickHouse's DateTime can hold."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rollups to show: those of windows that start in [from_ms, to_ms), the newest `limit` of them."""

    tenant: str | None = None
    meter: str | None = None
    customer: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = 1_000


def query(asked: Asked) -> tuple[str, dict[str, Any]]:
    """The SQL and its parameters; newest first, and one row beyond the limit, which tells of more."""
    given = {
        "tenant": asked.tenant,
        "meter": asked.meter,
        "customer": asked.customer,
        "from_second": _second(asked.from_ms),
        "to_second": _second(asked.to_ms),
    }
    parameters = {name: value for name, value in given.items() if value is not None}
    conditions = " AND ".join(_CONDITIONS[name] for name in parameters)
    parts = (_SELECT, f"WHERE {conditions}" if conditions else "", _ORDER)
    return "\n".join(filter(None, parts)), {**parameters, "limit": asked.limit + 1}


def _second(moment_ms: int | None) -> int | None:
    """Windows start on whole seconds, so the next whole second divides them as the moment itself does."""
    return None if moment_ms is None else min(max(-(-moment_ms // 1000), 0), _LAST_SECOND)
