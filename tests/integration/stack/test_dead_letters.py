"""What cannot be counted is kept with its reason and place, and the worker goes on."""

import json
import time
from collections.abc import Callable
from typing import Any

Sql = Callable[..., list[dict[str, Any]]]


def test_each_refusal_is_found_by_its_place_and_the_worker_goes_on(
    sql: Sql, apply: Any, publish: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("refused")
    apply(
        {
            "id": "tokens",
            "name": "Tokens",
            "tenant_id": tenant,
            "event_name": "llm.request",
            "aggregation": {"type": "SUM", "field": "tokens"},
        }
    )

    def event(**fields: Any) -> bytes:
        defaults = {
            "tenant_id": tenant,
            "event_name": "llm.request",
            "customer_id": "c1",
            "timestamp": int(time.time() * 1000),
            "properties": {"tokens": 1},
        }
        return json.dumps(defaults | fields).encode()

    refused = {
        publish(b"{junk"): "undecodable",
        publish(b'{"total": 1}'): "unknown_shape",
        publish(event(properties={})): "field_missing",
        publish(event(properties={"tokens": float("nan")})): "undecodable",
        publish(event(timestamp="30000-01-01T00:00:00Z")): "invalid_field",
        publish(event(timestamp=884_541_000_000_000)): "timestamp_out_of_bounds",
        publish(event(properties={"tokens": 10**24})): "number_out_of_bounds",
        publish(event()[:-1] + b', "customer_id": "c2"}'): "undecodable",
        publish(b"x" * 1_048_500): "undecodable",
        publish(None, key=b"nothing"): "undecodable",
    }
    publish(event(event_id="last", properties={"tokens": 41}))
    largest = event(event_id="largest", properties={"tokens": 1, "text": ""})
    publish(largest.replace(b'"text": ""', b'"text": "%s"' % (b"y" * (1_048_400 - len(largest)))))

    def reasons() -> dict[tuple[int, int], str]:
        query = """
            SELECT partition, offset, reason FROM rejected_usage_events FINAL WHERE topic = 'usage-events'
        """
        found = {(int(row["partition"]), int(row["offset"])): row["reason"] for row in sql(query)}
        return {place: reason for place, reason in found.items() if place in refused}

    def total() -> list[str]:
        query = "SELECT value FROM meter_usage WHERE tenant_id = {tenant:String}"
        return [row["value"] for row in sql(query, tenant=tenant)]

    eventually(lambda: reasons() == refused, within=60)
    eventually(lambda: sum(map(float, total())) == 42, within=60)
    unbalanced = "read != control + forwarded + duplicate + rejected + unmatched + accepted"
    assert sql(f"SELECT * FROM usage_chunks FINAL WHERE {unbalanced}") == []
