"""ClickHouse or Kafka away, or a disk full: the sink waits, loses nothing, and goes on by itself."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from deploy.admin import admin_client
from deploy.local.kafka import Broker
from deploy.local.parts import clickhouse_url, kafka_part
from deploy.local.ports import assign_ports
from deploy.local.readiness import assigned_members, clickhouse_answers
from deploy.local.statedir import StateDir
from deploy.local.supervisor import Supervisor
from deploy.settings import LocalSettings
from deploy.topics import apply_topics
from sinks.migrations import migrate


def test_a_sink_waits_for_clickhouse_with_two_batches_and_stays_in_its_group(
    metering: Any,
    kafka_with_topics: str,
    door: Any,
    publish: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="sinks.sink")
    tenant = fresh("tenant")
    with sink_of(kafka_with_topics, door.url, fresh("group"), sink_batch_rows=50) as sink:
        publish("usage-events", *(event(tenant, number) for number in range(5_000)))
        eventually(lambda: "paused until clickhouse has taken what was read" in caplog.text)
        read = sink.counters.read
        door.open()
        eventually(lambda: metering.count("raw_usage_events", tenant) == 5_000)
        assert sink.counters.read > read
    assert sink.error is None
    said = [record.getMessage().partition(":")[0] for record in caplog.records if record.name == "sinks.sink"]
    assert "lost" not in said
    assert said.count("assigned") == 1


def test_a_sink_waits_out_a_full_disk_and_says_what_clickhouse_says(
    kafka_with_topics: str,
    publish: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant = fresh("tenant")
    with clickhouse_on_a_small_disk(tmp_path, eventually) as (url, disk):
        migrate(url)
        with sink_of(kafka_with_topics, url, fresh("group")) as sink:
            publish("usage-events", *(event(tenant, number) for number in range(500)))
            eventually(lambda: stored(url, tenant) == 500)
            ballast = fill(disk)
            publish("usage-events", *(event(tenant, number, text="x" * 500) for number in range(500, 5_000)))
            # Of this table: rows that other tests left on the topics may fail before its own.
            fault = "clickhouse answers and cannot take rows, waiting: table=raw_usage_events"
            eventually(lambda: fault in caplog.text, within=90)
            assert stored(url, tenant) >= 500
            ballast.unlink()
            eventually(lambda: stored(url, tenant) == 5_000, within=90)
    assert sink.error is None


def test_a_broker_killed_and_started_again_under_the_sink_loses_nothing(
    metering: Any,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    tmp_path: Path,
) -> None:
    tenant = fresh("tenant")

    def go_on() -> None:
        publish_to(servers, "usage-events", *(event(tenant, number) for number in range(300, 600)))
        eventually(lambda: metering.count("raw_usage_events", tenant) == 600, within=90)

    with (
        supervised_kafka(tmp_path) as (supervisor, servers),
        sink_of(servers, metering.url, fresh("group")) as sink,
    ):
        publish_to(servers, "usage-events", *(event(tenant, number) for number in range(300)))
        eventually(lambda: metering.count("raw_usage_events", tenant) == 300)
        os.kill(supervisor.pids()["kafka"], signal.SIGKILL)
        supervisor.perform(go_on)
        assert sink.thread.is_alive()
    assert (sink.error, sink.counters.lost, sink.counters.rereads) == (None, 0, 0)


def test_a_sink_ends_within_ten_seconds_though_its_broker_hangs(
    metering: Any,
    publish_to: Any,
    sink_of: Any,
    event: Any,
    fresh: Any,
    eventually: Any,
    tmp_path: Path,
) -> None:
    tenant, group = fresh("tenant"), fresh("group")
    with supervised_kafka(tmp_path) as (supervisor, servers):
        publish_to(servers, "usage-events", *(event(tenant, number) for number in range(300)))
        with sink_process(servers, metering.url, group) as sink:
            eventually(lambda: metering.count("raw_usage_events", tenant) == 300)
            os.kill(supervisor.pids()["kafka"], signal.SIGSTOP)
            try:
                sink.terminate()
                assert sink.wait(10) == 0
            finally:
                os.kill(supervisor.pids()["kafka"], signal.SIGCONT)
        publish_to(servers, "usage-events", *(event(tenant, number) for number in range(300, 400)))
        with sink_of(servers, metering.url, group):
            eventually(lambda: metering.count("raw_usage_events", tenant) == 400, within=90)


def test_sinks_of_one_group_of_which_one_is_killed_store_every_row_once(
    metering: Any, kafka_with_topics: str, publish: Any, rollup: Any, fresh: Any, eventually: Any
) -> None:
    tenant, group = fresh("tenant"), fresh("group")

    def publish_rows(first: int) -> None:
        for number in range(first, first + 500):
            row = rollup(tenant, "m", "COUNT", chunk_start=number, event_count=2)
            publish("usage-rollups", row.to_json(), key=str(number).encode(), table=b"usage_rollups")

    with sink_process(kafka_with_topics, metering.url, group) as first:
        eventually(lambda: members(kafka_with_topics, group) == 1)
        with sink_process(kafka_with_topics, metering.url, group):
            eventually(lambda: members(kafka_with_topics, group) == 2)
            publish_rows(0)
            first.kill()
            publish_rows(500)
            eventually(lambda: metering.usage(tenant, "event_count") == [(2_000,)], within=90)
    assert metering.count("usage_rollups", tenant) == 1_000


@contextmanager
def supervised_kafka(directory: Path) -> Iterator[tuple[Supervisor, str]]:
    """A broker of one's own that is started again when it dies, while its supervisor performs something."""
    state = StateDir(directory)
    ports = assign_ports(state.ports, {"kafka": None, "kafka_controller": None})
    broker = Broker(state.of("kafka"), ports["kafka"], ports["kafka_controller"], "256m")
    with Supervisor(state.logs, say=lambda _line: None) as supervisor:
        supervisor.start(kafka_part(broker, LocalSettings().cache_dir, lambda _line: None))
        supervisor.await_ready(120)
        apply_topics(broker.bootstrap_servers)
        yield supervisor, broker.bootstrap_servers


@contextmanager
def sink_process(servers: str, url: str, group: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": servers,
        "METERSTREAM_CLICKHOUSE_URL": url,
        "METERSTREAM_SINK_GROUP": group,
        "METERSTREAM_SINK_BATCH_ROWS": "50",
    }
    with subprocess.Popen([sys.executable, "-m", "sinks"], env=environment) as sink:
        yield sink
        sink.kill()


@contextmanager
def clickhouse_on_a_small_disk(
    directory: Path, eventually: Callable[..., None]
) -> Iterator[tuple[str, Path]]:
    """A ClickHouse whose data is on a disk of 64 MB that only it sees; gives that disk as seen from here."""
    port = assign_ports(directory / "ports.json", {"clickhouse": None})["clickhouse"]
    disk = directory / "disk"
    disk.mkdir()
    mounting = 'mount -t tmpfs -o size=64m none "$0" && exec "$@"'
    arguments = ["--path", str(disk / "data"), "--port", str(port), "--database", "metering"]
    module = [sys.executable, "-m", "deploy.local.clickhouse"]
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "sh", "-c", mounting, str(disk), "true"], check=False).returncode != 0:
        pytest.skip("this system lets nobody mount a disk of his own")
    server = subprocess.Popen([*alone, "sh", "-c", mounting, str(disk), *module, *arguments])
    try:
        eventually(lambda: clickhouse_answers(port), within=90)
        yield clickhouse_url(port), Path(f"/proc/{server.pid}/root{disk}")
    finally:
        server.terminate()
        server.wait(20)


def fill(disk: Path) -> Path:
    """Write a file until the disk is full."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def stored(url: str, tenant: str) -> int:
    port = int(url.rpartition(":")[2].partition("/")[0])
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, database="metering", autogenerate_session_id=False
    )
    query = "SELECT count() FROM raw_usage_events FINAL WHERE tenant_id = %(tenant)s"
    return int(client.query(query, {"tenant": tenant}).result_rows[0][0])


def members(servers: str, group: str) -> int:
    return len(assigned_members(admin_client(servers), group))
