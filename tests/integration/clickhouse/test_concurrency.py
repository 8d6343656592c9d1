"""Several clients at once: none waits for another, none sees another's settings."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil

_CLIENTS = 8
_ROUNDS = 15
_MEGABYTE = 1 << 20


def test_eight_clients_insert_and_select_side_by_side(server: Any, table: str) -> None:
    server.sql(
        f"CREATE TABLE {table} (client UInt8, round UInt8, text String) ENGINE = MergeTree ORDER BY client"
    )

    def work(number: int) -> list[int]:
        client = server.client(settings={"max_block_size": 1000 + number})
        seen = []
        for turn in range(_ROUNDS):
            client.insert(table, [[number, turn, "x" * 100]] * 50, column_names=["client", "round", "text"])
            query = f"SELECT count(), getSetting('max_block_size') FROM {table} WHERE client = {number}"
            rows, setting = client.query(query).result_rows[0]
            assert setting == 1000 + number
            seen.append(rows)
        return seen

    with ThreadPoolExecutor(_CLIENTS) as pool:
        for seen in pool.map(work, range(_CLIENTS)):
            assert seen == [50 * turn for turn in range(1, _ROUNDS + 1)]
    assert server.sql(f"SELECT count() FROM {table}") == f"{_CLIENTS * _ROUNDS * 50}\n"


def test_a_long_query_holds_up_nobody(server: Any, table: str, eventually: Callable[..., None]) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    sql = "SELECT count() FROM numbers(1000) WHERE NOT ignore(sleepEachRow(0.1)) SETTINGS max_block_size = 1"
    ask = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%LIKE%'"
    ended = threading.Event()

    def long() -> None:
        httpx.post(server.url, content=sql, timeout=150)
        ended.set()

    thread = threading.Thread(target=long)
    thread.start()
    eventually(lambda: server.sql(ask) == "1\n", 10)
    assert httpx.get(f"{server.url}ping").text == "Ok.\n"
    server.sql(f"INSERT INTO {table} VALUES (1)")
    assert server.sql(f"SELECT count() FROM {table}") == "1\n"
    assert not ended.is_set()
    server.sql("KILL QUERY WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%LIKE%' ASYNC")
    thread.join(20)
    assert ended.is_set()


def test_many_rows_do_not_stand_in_memory_at_once(server: Any) -> None:
    process = psutil.Process(server.process.pid)
    query = "SELECT number, repeat('x', 40) AS text FROM numbers(5000000)"
    for form in ("TabSeparated", "JSON"):
        before, most, size = process.memory_info().rss, 0, 0
        with httpx.stream("POST", server.url, content=f"{query} FORMAT {form}", timeout=120) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw(_MEGABYTE):
                size += len(chunk)
                most = max(most, process.memory_info().rss)
        assert size > 220 * _MEGABYTE
        assert most - before < 150 * _MEGABYTE, f"{form}: {most - before} bytes more"


def test_a_session_serves_one_request_at_a_time(server: Any, eventually: Callable[..., None]) -> None:
    sql = "SELECT count() FROM numbers(1000) WHERE NOT ignore(sleepEachRow(0.1)) SETTINGS max_block_size = 1"
    ask = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%LIKE%'"
    session = {"session_id": "taken"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, server.url, params=session, content=sql, timeout=150)
        eventually(lambda: server.sql(ask) == "1\n", 10)
        second = httpx.post(server.url, params=session, content="SELECT 1")
        assert second.headers["X-ClickHouse-Exception-Code"] == "373"
        server.sql("KILL QUERY WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%LIKE%' ASYNC")
        assert first.result(20).headers["X-ClickHouse-Exception-Code"] == "394"
    assert httpx.post(server.url, params=session, content="SELECT 1").text == "1\n"
