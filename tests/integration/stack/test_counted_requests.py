"""Requests counted in an outbox, all the way to SQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.outbox import (
    BatchPublisher,
    Counts,
    Drain,
    Job,
    KeyOrganizationModel,
    Queue,
    QueueConfig,
    UsagePublisher,
    build_job_data,
)

REQUESTS = 40


@pytest.mark.parametrize("promise", ["at least once", "exactly once"])
def test_each_request_is_in_sql_once_though_some_were_sent_twice(
    promise: str,
    stack: Any,
    sql: Callable[..., list[dict[str, Any]]],
    apply: Callable[..., None],
    fresh: Callable[[str], str],
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    organization = fresh("organization")
    apply(
        {
            "id": "maps.loads",
            "tenant_id": organization,
            "event_name": "MAPS.load",
            "name": "Map loads",
            "aggregation": {"type": "SUM", "field": "total_usage"},
        }
    )
    servers = stack.endpoints.kafka_bootstrap_servers
    config = QueueConfig(tmp_path / "outbox.sqlite3")
    queue = Queue(config)
    project = KeyOrganizationModel(pk=organization, project_pk="project")
    queue.put_many([dict(build_job_data("MAPS", "load", project, counter=each)) for each in range(REQUESTS)])
    if promise == "at least once":
        _send_and_forget(queue, servers)
    once = promise == "exactly once"
    publisher = BatchPublisher(servers, organization) if once else UsagePublisher(servers)
    with Drain(config=config, publisher=publisher):
        eventually(lambda: queue.counts() == Counts())
    query = """
        SELECT customer_id, toInt64(sum(value)) AS requests, toInt64(sum(event_count)) AS jobs
        FROM meter_usage WHERE tenant_id = {tenant:String} GROUP BY customer_id
    """
    expected = [{"customer_id": "project", "requests": sum(range(REQUESTS)), "jobs": REQUESTS}]
    eventually(lambda: [_numbers(row) for row in sql(query, tenant=organization)] == expected)
    queue.close()


def _send_and_forget(queue: Queue, servers: str) -> None:
    """What a process does that is killed between storing and noting."""
    jobs: list[Job] = queue.take(REQUESTS // 2)
    publisher = UsagePublisher(servers)
    assert {outcome.state for outcome in publisher.publish(jobs)} == {"done"}
    publisher.close()
    queue.give_back(*(job.job_id for job in jobs))


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: int(row[name]) for name in ("requests", "jobs")}
