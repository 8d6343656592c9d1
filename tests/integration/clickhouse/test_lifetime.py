"""The server's process: what it holds, how it ends, and what is left after it was killed."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil

_WRITERS = 4
_KILLS = 3

# Starts the server it is told to, says its pid, and stays.
_PARENT = """
import subprocess, sys, time
server = subprocess.Popen([sys.executable, "-m", "deploy.local.clickhouse", *sys.argv[1:]])
print(server.pid, flush=True)
time.sleep(600)
"""


def test_no_acknowledged_row_is_lost_when_the_server_is_killed(make_server: Callable[..., Any]) -> None:
    server = make_server()
    server.sql(
        "CREATE TABLE kept (writer UInt8, id UInt64, text String) ENGINE = MergeTree ORDER BY (writer, id)"
    )
    acknowledged: list[tuple[int, int]] = []
    for _ in range(_KILLS):
        _write_until_killed(server, acknowledged)
        server.start()
        stored = {
            tuple(map(int, line.split())) for line in server.sql("SELECT writer, id FROM kept").splitlines()
        }
        assert set(acknowledged) <= stored
        server.sql("CHECK TABLE kept")
    assert len(acknowledged) >= 20 * _KILLS
    assert len(acknowledged) == len(set(acknowledged))
    assert server.stop() == 0


def test_a_second_server_on_the_directory_refuses_and_says_why(make_server: Callable[..., Any]) -> None:
    server = make_server()
    command = [sys.executable, "-m", "deploy.local.clickhouse", "--path", str(server.path), "--port", "1"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert str(server.path) in second.stderr
    assert str(server.process.pid) in second.stderr
    assert server.sql("SELECT 1") == "1\n"


def test_a_taken_port_is_an_error_that_ends_the_process(
    make_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = make_server()
    command = [sys.executable, "-m", "deploy.local.clickhouse", "--path", str(tmp_path / "other")]
    second = subprocess.run(
        [*command, "--port", str(server.port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1
    assert str(server.port) in second.stderr


def test_the_end_waits_for_an_insert_under_way(
    make_server: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    server = make_server()
    server.sql("CREATE TABLE late (id UInt64) ENGINE = MergeTree ORDER BY id")
    gate = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"1\n" * 1000
        gate.wait(30)
        yield b"2\n"

    with ThreadPoolExecutor(1) as pool:
        query = {"query": "INSERT INTO late FORMAT TSV"}
        insert = pool.submit(httpx.post, server.url, params=query, content=body(), timeout=30)
        eventually(lambda: server.takes_data, 10)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not _listens(server.port), 10)
        gate.set()
        assert insert.result(20).status_code == 200
    assert server.process.wait(20) == 0
    server.start()
    assert server.sql("SELECT count() FROM late") == "1001\n"


def test_the_end_does_not_wait_for_ever(
    make_server: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    server = make_server()
    sql = "SELECT count() FROM numbers(1000) WHERE NOT ignore(sleepEachRow(0.1)) SETTINGS max_block_size = 1"
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {len(sql)}\r\n\r\n{sql}".encode())
        eventually(lambda: "NOT ignore" in server.sql("SELECT query FROM system.processes"), 10)
        assert server.stop() == 0


def test_a_server_bound_to_its_parent_ends_with_it(tmp_path: Path, eventually: Callable[..., None]) -> None:
    port = _free_port()
    options = ["--path", str(tmp_path / "bound"), "--port", str(port), "--exit-with-parent"]
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, *options], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        eventually(lambda: _listens(port), 60)
        assert psutil.pid_exists(pid)
        parent.kill()
    eventually(lambda: not _runs(pid), 20)


def test_listens_on_the_loopback_only(server: Any) -> None:
    found = [
        connection.laddr.ip
        for connection in psutil.Process(server.process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert found == ["127.0.0.1"]


def test_one_line_is_logged_for_an_error(server: Any) -> None:
    httpx.post(server.url, content="SELECT *\nFROM\nno_table_of_this_name")
    lines = [line for line in server.log.read_text().splitlines() if "no_table_of_this_name" in line]
    assert len(lines) == 1
    assert "Code: 60." in lines[0]
    assert "Ready for connections" in server.log.read_text()


def test_the_data_directory_outlives_a_clean_end(make_server: Callable[..., Any]) -> None:
    server = make_server()
    server.sql("CREATE TABLE stays (id UInt64) ENGINE = ReplacingMergeTree ORDER BY id")
    server.sql("INSERT INTO stays SELECT number FROM numbers(1000)")
    assert server.stop() == 0
    assert list((server.path / "http").iterdir()) == []
    server.start()
    assert server.sql("SELECT count() FROM stays") == "1000\n"


def _write_until_killed(server: Any, acknowledged: list[tuple[int, int]]) -> None:
    started = len(acknowledged)
    enough = threading.Event()

    def write(writer: int) -> None:
        with httpx.Client(base_url=server.url, timeout=30) as http:
            for number in range(started, started + 100_000):
                row = {"writer": writer, "id": number, "text": "x" * 200}
                body = f"INSERT INTO kept FORMAT JSONEachRow\n{json.dumps(row)}\n"
                try:
                    http.post("/", content=body).raise_for_status()
                except httpx.TransportError:
                    return
                acknowledged.append((writer, number))
                if len(acknowledged) >= started + 30:
                    enough.set()

    with ThreadPoolExecutor(_WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(_WRITERS)]
        assert enough.wait(60)
        server.kill()
        for writer in writers:
            writer.result(60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
