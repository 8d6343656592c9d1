import sys
from pathlib import Path

from deploy.local.parts import (
    Surroundings,
    clickhouse_part,
    clickhouse_url,
    sessions_part,
    sink_part,
    worker_part,
)

AROUND = Surroundings("127.0.0.1:1", "http://default:@127.0.0.1:2/metering", "ab12", 20_003, 20_004)
HERE = Path("/state/part")


def test_every_metering_part_is_told_where_its_servers_are() -> None:
    for part in (worker_part(AROUND, HERE), sessions_part(AROUND, HERE), sink_part(AROUND, HERE)):
        assert part.command.environment["METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:1"
        assert part.command.environment["METERSTREAM_CLICKHOUSE_URL"] == AROUND.clickhouse_url


def test_each_part_keeps_an_instance_id_of_its_own() -> None:
    parts = (worker_part(AROUND, HERE), sessions_part(AROUND, HERE), sink_part(AROUND, HERE))
    ids = [part.command.environment["METERSTREAM_CONSUMER_GROUP_INSTANCE_ID"] for part in parts]
    assert ids == ["worker-ab12", "sessions-ab12", "sink-ab12"]


def test_every_part_runs_on_the_python_of_the_stack_without_a_shell() -> None:
    parts = (
        worker_part(AROUND, HERE),
        sessions_part(AROUND, HERE),
        sink_part(AROUND, HERE),
        clickhouse_part(HERE, 5),
    )
    assert {part.command.arguments[0] for part in parts} == {sys.executable}


def test_the_two_faust_workers_have_web_ports_of_their_own_on_this_machine_only() -> None:
    for part, port in ((worker_part(AROUND, HERE), "20003"), (sessions_part(AROUND, HERE), "20004")):
        arguments = list(part.command.arguments)
        assert arguments[arguments.index("--web-port") + 1] == port
        assert arguments[arguments.index("--web-bind") + 1] == "127.0.0.1"


def test_the_clickhouse_url_names_user_database_and_port() -> None:
    assert clickhouse_url(20_005) == "http://default:@127.0.0.1:20005/metering"
