"""Meters as they change, from `meters apply` to what ClickHouse shows."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from producers import apply_meters, read_definitions
from schemas import MeterDefinition, Status, parse_meters

Sql = Callable[..., list[dict[str, Any]]]
Event = Callable[..., bytes]


def meter(tenant: str, meter_id: str, **fields: Any) -> dict[str, Any]:
    required = {"id": meter_id, "tenant_id": tenant, "event_name": "used", "name": "M"}
    return required | {"aggregation": {"type": "COUNT"}} | fields


def now() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def values(sql: Sql) -> Callable[[str], dict[str, int]]:
    """A tenant's total by meter."""

    def ask(tenant: str) -> dict[str, int]:
        query = (
            "SELECT meter_id, toInt64(sum(value)) AS total FROM meter_usage "
            "WHERE tenant_id = {tenant:String} GROUP BY meter_id"
        )
        return {row["meter_id"]: int(row["total"]) for row in sql(query, tenant=tenant)}

    return ask


@pytest.fixture
def use(publish: Any) -> Callable[..., None]:
    """Publishes events of a tenant at the timestamps given."""

    def put(tenant: str, *timestamps: int, **properties: Any) -> None:
        for timestamp in timestamps:
            event = {
                "tenant_id": tenant,
                "event_name": "used",
                "customer_id": "c",
                "timestamp": timestamp,
                "properties": properties,
            }
            publish(json.dumps(event).encode())

    return put


def test_a_disabled_meter_counts_what_was_used_before_and_nothing_after_until_it_is_applied_again(
    stack: Any, use: Any, values: Any, fresh: Any, eventually: Any
) -> None:
    servers, tenant = stack.endpoints.kafka_bootstrap_servers, fresh("disabling")
    meters = parse_meters([meter(tenant, "disabled"), meter(tenant, "other")])
    apply_meters(servers, meters)
    archived = meters[0].model_copy(update={"status": Status.ARCHIVED})
    [disabled] = apply_meters(servers, [archived])
    effective = disabled.definition.effective_from_ms

    use(tenant, effective - 1, effective, effective + 1, effective - 3_600_000)
    eventually(lambda: values(tenant) == {"disabled": 2, "other": 4}, within=60)

    [again] = apply_meters(servers, meters[:1])
    use(tenant, again.definition.effective_from_ms, again.definition.effective_from_ms - 1, effective - 2)
    eventually(lambda: values(tenant) == {"disabled": 4, "other": 7}, within=60)
    versions = [
        each for each in read_definitions(servers) if (each.tenant_id, each.id) == (tenant, "disabled")
    ]
    assert [(each.meter_version, each.status) for each in versions] == [
        (1, Status.PUBLISHED),
        (2, Status.ARCHIVED),
        (3, Status.PUBLISHED),
    ]


def test_changed_filters_count_from_their_effective_time(
    stack: Any, use: Any, values: Any, fresh: Any, eventually: Any
) -> None:
    servers, tenant = stack.endpoints.kafka_bootstrap_servers, fresh("filters")

    def apply(*texts: str) -> MeterDefinition:
        filters = [{"key": "model", "values": list(texts)}]
        [applied] = apply_meters(servers, parse_meters([meter(tenant, "m", filters=filters)]))
        return applied.definition

    apply("a")
    changed = apply("b").effective_from_ms

    use(tenant, changed - 1, changed, model="a")
    use(tenant, changed - 1, changed, changed + 1, model="b")
    eventually(lambda: values(tenant) == {"m": 3}, within=60)


def test_distinct_values_and_running_totals_reach_clickhouse(
    sql: Sql, apply: Any, use: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("unique")
    unique = {"type": "COUNT_UNIQUE", "field": "user"}
    apply(meter(tenant, "users", aggregation=unique, reset_usage="NEVER"))
    minute = now() // 60_000 * 60_000
    for user in ("ann", "bob", "ann", 7, 7.0, True):
        use(tenant, minute - 60_000, user=user)
    for user in ("bob", "carla"):
        use(tenant, minute, user=user)

    def rows() -> list[tuple[int, ...]]:
        query = (
            "SELECT toInt64(value) AS value, toInt64(total) AS total FROM meter_totals "
            "WHERE tenant_id = {tenant:String} ORDER BY window_start"
        )
        return [(int(row["value"]), int(row["total"])) for row in sql(query, tenant=tenant)]

    eventually(lambda: rows() == [(4, 4), (2, 5)], within=60)
