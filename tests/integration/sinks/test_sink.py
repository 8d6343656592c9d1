import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from schemas import DeadLetter, DeadLetterReason
from sinks.migrations import migrate

FIRST = 1_700_000_040


def raw(metering: Any, tenant: str, columns: str) -> list[Any]:
    query = f"SELECT {columns} FROM raw_usage_events FINAL WHERE tenant_id = %(tenant)s ORDER BY event_id"
    return list(metering.client.query(query, {"tenant": tenant}).result_rows)


def test_migrating_twice_applies_nothing(metering: Any) -> None:
    assert migrate(metering.url) == []


def test_raw_events_keep_their_bytes_and_answer_by_metadata(
    metering: Any, publish: Any, running_sink: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    numbers = b'{"n":12345678901234567.89,"m":1.50,"o":{"x":[2.50]},"t":true}'
    exact = b'{"event_id":"1","tenant_id":"%b","properties":' + numbers + b"}"
    foreign = b'{"event_id":"2","tenant_id":"%b","meter_id":"page","event_time":1700000000123,'
    foreign += b'"metadata":{"rule_id":"r1"}}'
    large = b'{"event_id":"3","tenant_id":"%b","properties":{"text":"' + b"x" * 1_000_000 + b'"}}'
    values = [value % tenant.encode() for value in (exact, foreign, large)]
    publish("usage-events", b"\xff not json", b"", *values)
    with running_sink(metering.url, fresh("group")):
        eventually(lambda: metering.count("raw_usage_events", tenant) == 3)
    first, second, third = raw(
        metering, tenant, "value, properties, metadata['rule_id'], event_name, event_time"
    )
    assert first[0].encode() == values[0]
    assert first[1] == {"n": "12345678901234567.89", "m": "1.50", "o": '{"x":[2.50]}', "t": "true"}
    assert second[2:] == ("r1", "page", datetime.fromtimestamp(1_700_000_000.123, UTC).replace(tzinfo=None))
    assert len(third[1]["text"]) == 1_000_000


def test_rollups_of_more_months_than_a_block_may_hold_all_go_in(
    metering: Any, publish: Any, running_sink: Any, rollup: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    rows = [
        rollup(tenant, "m", "COUNT", window_start=30 * 86_400 * month, window_end=30 * 86_400 * month + 60)
        for month in range(1, 251)
    ]
    publish("usage-rollups", b"\n".join(row.to_json() for row in rows), table=b"usage_rollups")
    with running_sink(metering.url, fresh("group")):
        eventually(lambda: metering.count("usage_rollups", tenant) == 250)


def test_distinct_values_have_their_table_and_may_be_of_many_months_too(
    metering: Any, publish: Any, running_sink: Any, distinct_value: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    rows = [
        distinct_value(
            tenant, "m", '"é\n', window_start=30 * 86_400 * month, window_end=30 * 86_400 * month + 60
        )
        for month in range(1, 121)
    ]
    publish("usage-rollups", b"\n".join(row.to_json() for row in rows), table=b"usage_distinct_values")
    with running_sink(metering.url, fresh("group")):
        eventually(lambda: metering.count("usage_distinct_values", tenant) == 120)
    query = "SELECT DISTINCT value, present FROM usage_distinct_values WHERE tenant_id = %(tenant)s"
    assert list(metering.client.query(query, {"tenant": tenant}).result_rows) == [('"é\n', True)]


def test_refused_lines_are_dead_letters_and_the_rest_goes_in(
    metering: Any, publish: Any, running_sink: Any, rollup: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    good = [rollup(tenant, f"m{number}", "COUNT").to_json() for number in range(3)]
    garbage = b"garbage of " + tenant.encode()
    publish(
        "usage-rollups", b"\n".join([good[0], garbage, good[1]]), good[2], b'{"a":1}', table=b"usage_rollups"
    )
    publish("usage-rollups", b"lost " + tenant.encode(), table=b"no_such_table")
    rejected = (
        "SELECT value, reason, topic, offset >= 0 FROM rejected_usage_events FINAL WHERE value LIKE %(like)s"
    )

    def letters() -> list[Any]:
        rows = metering.client.query(rejected + " ORDER BY value", {"like": f"%{tenant}%"}).result_rows
        return [tuple(row) for row in rows]

    with running_sink(metering.url, fresh("group")):
        eventually(lambda: metering.count("usage_rollups", tenant) == 3 and len(letters()) == 2)
    assert letters() == [
        (garbage.decode(), "insert_refused", "usage-rollups", True),
        (f"lost {tenant}", "insert_refused", "usage-rollups", True),
    ]


def test_every_other_topic_has_its_table_and_a_second_sending_is_one_row(
    metering: Any, publish: Any, running_sink: Any, fresh: Any, eventually: Any
) -> None:
    tenant = fresh("tenant")
    session = {
        "tenant_id": tenant,
        "environment_id": "default",
        "customer_id": "c",
        "meter_id": "chat",
        "session_id": "s",
        "state": "open",
        "started_at": FIRST * 1000 + 5,
        "ended_at": None,
        "version": 1,
        "metadata": {},
        "updated_at": FIRST * 1000,
    }
    meter = {"id": "m", "tenant_id": tenant, "meter_version": 2, "aggregation": {"type": "SUM", "field": "f"}}
    meter |= {"effective_from": "2026-01-02T03:04:05Z", "group_by": ["model"]}
    letter = DeadLetter(
        reason=DeadLetterReason.NOT_A_NUMBER,
        meter="m",
        topic="usage-events",
        topic_id=tenant,
        partition=3,
        offset=7,
    )
    chunk = {"topic": "usage-events", "topic_id": tenant, "partition": 1, "chunk_start": 0, "row_version": 8}
    chunk |= {
        "read": 8,
        "accepted": 8,
        "first_append_time": FIRST * 1000,
        "last_append_time": FIRST * 1000 + 7,
    }
    headers = {name.removeprefix("meterstream-"): value for name, value in letter.headers()}
    for _ in range(2):
        publish("usage-sessions", orjson.dumps(session))
        publish("meter-definitions", orjson.dumps(meter))
        publish("usage-events-dlq", orjson.dumps({"tenant_id": tenant}), **headers)
        publish("usage-rollups", orjson.dumps(chunk), table=b"usage_chunks")
    chunks = (
        "SELECT read, toUnixTimestamp64Milli(last_append_time) "
        "FROM usage_chunks FINAL WHERE topic_id = %(id)s"
    )
    tables = ("usage_sessions", "meters", "rejected_usage_events")
    with running_sink(metering.url, fresh("group")):
        eventually(lambda: all(metering.count(table, tenant) == 1 for table in tables))
        eventually(lambda: metering.client.query(chunks, {"id": tenant}).result_rows)
    assert list(metering.client.query(chunks, {"id": tenant}).result_rows) == [(8, FIRST * 1000 + 7)]
    (so_far,) = metering.client.query(
        "SELECT duration_so_far_ms FROM open_sessions WHERE tenant_id = %(id)s", {"id": tenant}
    ).result_rows
    assert so_far[0] > 0
    publish("meter-definitions", None)  # what was no whole definition, others need not stumble over


def test_clickhouse_killed_and_started_again_under_the_sink_loses_nothing(
    publish: Any, running_sink: Any, event: Any, fresh: Any, eventually: Any, tmp_path: Path
) -> None:
    tenant, port = fresh("tenant"), free_port()
    url = f"http://default:@127.0.0.1:{port}/metering"
    with running_clickhouse(tmp_path, port) as server:
        migrate(url)
        with running_sink(url, fresh("group")):
            publish("usage-events", *(event(tenant, number) for number in range(500)))
            eventually(lambda: stored(url, tenant) == 500)
            server.kill()
            server.wait(10)
            publish("usage-events", *(event(tenant, number) for number in range(500, 1_000)))
            with running_clickhouse(tmp_path, port):
                eventually(lambda: stored(url, tenant) == 1_000)


def test_a_sink_killed_in_the_middle_counts_the_same_after_its_restart(
    metering: Any, kafka_with_topics: str, publish: Any, rollup: Any, fresh: Any, eventually: Any
) -> None:
    tenant, group = fresh("tenant"), fresh("group")
    environment = {
        **os.environ,
        "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka_with_topics,
        "METERSTREAM_CLICKHOUSE_URL": metering.url,
        "METERSTREAM_SINK_GROUP": group,
        "METERSTREAM_CONSUMER_GROUP_INSTANCE_ID": group,
        "METERSTREAM_SINK_BATCH_ROWS": "50",
    }
    for life in range(3):
        rows = [
            rollup(tenant, "m", "COUNT", chunk_start=life * 1_000 + number, event_count=2)
            for number in range(200)
        ]
        publish("usage-rollups", *(row.to_json() for row in rows), table=b"usage_rollups")
        before = metering.count("usage_rollups", tenant)
        sink = subprocess.Popen([sys.executable, "-m", "sinks"], env=environment)
        try:
            eventually(lambda before=before: metering.count("usage_rollups", tenant) > before)
            if life == 2:
                eventually(lambda: metering.usage(tenant, "event_count") == [(1_200,)])
                sink.terminate()
                assert sink.wait(20) == 0
        finally:
            sink.kill()
            sink.wait(10)
    assert metering.usage(tenant, "value, event_count") == [(1_200, 1_200)]


@contextmanager
def running_clickhouse(path: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = ["--path", str(path / "data"), "--port", str(port), "--database", "metering"]
    server = subprocess.Popen([sys.executable, "-m", "deploy.local.clickhouse", *arguments])
    try:
        yield server
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def stored(url: str, tenant: str) -> int:
    """How many of the tenant's raw events are there; -1 while nobody answers."""
    query = f"SELECT count() FROM raw_usage_events FINAL WHERE tenant_id = '{tenant}'"
    try:
        return int(httpx.post(url.removesuffix("/metering"), content=query, timeout=10).text)
    except httpx.TransportError:
        return -1
