"""The HTTP interface as curl and any HTTP client use it."""

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture
def http(server: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def test_ping_and_the_root_say_ok(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/").text == "Ok.\n"
    assert http.head("/ping").status_code == 200


def test_a_query_in_the_url_answers_in_tab_separated(http: httpx.Client) -> None:
    answer = http.get("/", params={"query": "SELECT 1, 'a\tb'"})
    assert answer.text == "1\ta\\tb\n"
    assert answer.headers["Content-Type"] == "text/tab-separated-values; charset=UTF-8"
    assert answer.headers["X-ClickHouse-Format"] == "TabSeparated"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["X-ClickHouse-Server-Display-Name"]


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "text/plain", "application/json", ""])
def test_a_posted_body_is_sql_whatever_its_type(http: httpx.Client, media: str) -> None:
    answer = http.post("/", content="SELECT 'a=1&b=2'", headers={"Content-Type": media} if media else {})
    assert answer.text == "a=1&b=2\n"


def test_the_path_may_name_the_database(http: httpx.Client) -> None:
    assert http.post("/system", content="SELECT currentDatabase()").text == "system\n"
    assert http.post("/system?database=metering", content="SELECT currentDatabase()").text == "metering\n"
    assert http.post("/nowhere", content="SELECT 1 FROM things").status_code == 404


def test_url_and_body_together_are_one_query(http: httpx.Client) -> None:
    assert http.post("/", params={"query": "SELECT number"}, content="FROM numbers(2)").text == "0\n1\n"


def test_a_chunked_body_is_read_whole(http: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"SELECT "
        yield b"40 + 2"

    assert http.post("/", content=pieces()).text == "42\n"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ({}, b'INSERT INTO {t} FORMAT JSONEachRow {"id": 1, "text": "a"}\n{"id": 2, "text": "b"}'),
        ({}, b'INSERT INTO {t} (id, text) FORMAT CSV\n1,a\n2,"b"\n'),
        ({}, b"INSERT INTO {t} VALUES (1, 'a'), (1 + 1, lower('B'));"),
        ({}, b"INSERT INTO {t} SELECT number + 1, char(97 + number) FROM numbers(2)"),
        ({"query": "INSERT INTO {t} FORMAT TabSeparated"}, b"1\ta\n2\tb\n"),
        ({"query": "INSERT INTO {t} (id, text) FORMAT CSV"}, b"1,a\r\n2,b\r\n"),
        ({"query": "INSERT INTO {t} VALUES"}, b"(1, 'a'), (2, 'b')"),
        ({"query": "INSERT INTO {t} VALUES (1, 'a'), (2, 'b')"}, b""),
        ({"query": "INSERT INTO {t} SELECT a, b FROM input('a UInt64, b String') FORMAT CSV"}, b"1,a\n2,b\n"),
        (
            {},
            b"INSERT INTO {t} FORMAT CSV SETTINGS format_csv_delimiter = '|', max_threads = 1\n1|a\n2|b\n",
        ),
    ],
)
def test_rows_are_inserted_in_every_way(
    http: httpx.Client, server: Any, table: str, url: dict[str, str], body: bytes
) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    named = {name: text.replace("{t}", table) for name, text in url.items()}
    answer = http.post("/", params=named, content=body.replace(b"{t}", table.encode()))
    assert (answer.status_code, answer.text) == (200, "")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    assert server.sql(f"SELECT * FROM {table} ORDER BY id") == "1\ta\n2\tb\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_understood(http: httpx.Client, server: Any, table: str, encoding: str) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = pack(f"INSERT INTO {table} FORMAT TSV\n1\n2\n".encode())
    headers = {"Content-Encoding": encoding}
    assert http.post("/", content=body, headers=headers).status_code == 200
    cut = http.post("/", content=body[:-6], headers=headers)
    assert cut.headers["X-ClickHouse-Exception-Code"] == "271"
    assert server.sql(f"SELECT count() FROM {table}") == "2\n"


def test_an_unknown_compression_is_refused(http: httpx.Client) -> None:
    answer = http.post("/", content=b"x", headers={"Content-Encoding": "morse"})
    assert answer.headers["X-ClickHouse-Exception-Code"] == "89"
    assert "gzip" in answer.text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4"])
def test_the_answer_is_compressed_when_asked(http: httpx.Client, encoding: str) -> None:
    query = {"query": "SELECT number FROM numbers(300000)", "enable_http_compression": "1"}
    with http.stream("GET", "/", params=query, headers={"Accept-Encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["Content-Encoding"] == encoding
    plain = http.get("/", params={"query": query["query"]})
    assert "Content-Encoding" not in plain.headers
    assert len(raw) < len(plain.content)


@pytest.mark.parametrize(
    ("parameters", "headers", "auth"),
    [
        ({"user": "default", "password": ""}, {}, None),
        ({}, {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""}, None),
        ({}, {}, ("default", "")),
        ({}, {}, None),
    ],
)
def test_credentials_come_in_every_way(
    http: httpx.Client, parameters: dict[str, str], headers: dict[str, str], auth: Any
) -> None:
    answer = http.post("/", params=parameters, headers=headers, auth=auth, content="SELECT 1")
    assert answer.text == "1\n"


@pytest.mark.parametrize(
    ("parameters", "headers", "auth"),
    [
        ({"user": "nobody"}, {}, None),
        ({"password": "wrong"}, {}, None),
        ({}, {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "wrong"}, None),
        ({}, {}, ("default", "wrong")),
        ({}, {"Authorization": "Bearer token"}, None),
        ({}, {"Authorization": "Basic %%%"}, None),
        ({"user": "default"}, {}, ("default", "")),
    ],
)
def test_wrong_credentials_get_516(
    http: httpx.Client, parameters: dict[str, str], headers: dict[str, str], auth: Any
) -> None:
    answer = http.post("/", params=parameters, headers=headers, auth=auth, content="SELECT 1")
    assert answer.status_code == 403
    assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
    assert answer.text.startswith("Code: 516. DB::Exception: ")
    assert "(AUTHENTICATION_FAILED)" in answer.text


def test_a_web_page_of_another_site_is_refused(http: httpx.Client) -> None:
    other = http.post("/", headers={"Origin": "https://example.org"}, content="SELECT 1")
    assert (other.status_code, other.headers["X-ClickHouse-Exception-Code"]) == (403, "497")
    own = http.post("/", headers={"Origin": "http://localhost:3000"}, content="SELECT 1")
    assert own.text == "1\n"


def test_a_server_with_a_password_lets_in_who_has_it(make_server: Callable[..., Any]) -> None:
    server = make_server("--user", "meter", "--password", "it's: secret")
    inside = httpx.post(server.url, auth=("meter", "it's: secret"), content="SELECT 1")
    assert (inside.status_code, inside.text) == (200, "1\n")
    assert httpx.post(server.url, content="SELECT 1").status_code == 403
    assert httpx.get(f"{server.url}ping").status_code == 200


def test_the_database_comes_from_url_or_header(http: httpx.Client) -> None:
    ask = "SELECT currentDatabase()"
    assert http.post("/", content=ask).text == "metering\n"
    assert http.post("/", params={"database": "system"}, content=ask).text == "system\n"
    assert http.post("/", headers={"X-ClickHouse-Database": "system"}, content=ask).text == "system\n"
    missing = http.post("/", params={"database": "no`where"}, content=ask)
    assert (missing.status_code, missing.headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_the_format_comes_from_query_url_or_header(http: httpx.Client) -> None:
    assert http.post("/", content="SELECT 1 AS a FORMAT JSONEachRow").text == '{"a":1}\n'
    assert (
        http.post("/", params={"default_format": "CSVWithNames"}, content="SELECT 1 AS a;").text == '"a"\n1\n'
    )
    in_header = http.post("/", headers={"X-ClickHouse-Format": "JSON"}, content="SELECT 1 AS a -- so")
    assert in_header.json()["data"] == [{"a": 1}]
    assert in_header.headers["X-ClickHouse-Format"] == "JSON"
    assert in_header.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_parameters_come_in_clickhouse_text_form(http: httpx.Client) -> None:
    given = {
        "param_s": "it's\\na \\\\ test",
        "param_a": "['it\\'s','b']",
        "param_m": "{'k':'v'}",
        "param_n": "\\N",
        "param_d": "1.000000000000000001",
    }
    query = (
        "SELECT {s:String} AS s, {a:Array(String)} AS a, {m:Map(String, String)} AS m, "
        "{n:Nullable(String)} AS n, toString({d:Decimal(76, 18)}) AS d FORMAT JSONEachRow"
    )
    assert http.post("/", params=given, content=query).json() == {
        "s": "it's\na \\ test",
        "a": ["it's", "b"],
        "m": {"k": "v"},
        "n": None,
        "d": "1.000000000000000001",
    }


def test_bytes_that_are_no_utf8_go_through(http: httpx.Client) -> None:
    assert http.post("/", content=b"SELECT hex('\xff\xfe')").text == "FFFE\n"
    assert http.get("/?query=SELECT+hex('%ff%fe')").text == "FFFE\n"
    assert http.get("/?query=SELECT+hex({p:String})&param_p=%ff%fe").text == "FFFE\n"


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE written (a Int8) ENGINE = Memory", "DROP DATABASE metering"]
)
def test_get_only_reads(http: httpx.Client, statement: str) -> None:
    answer = http.get("/", params={"query": statement})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert "use POST" in answer.text


def test_get_does_not_insert(http: httpx.Client, server: Any, table: str) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    for insert in (f"INSERT INTO {table} VALUES (1)", f"INSERT INTO {table} SELECT 1"):
        answer = http.get("/", params={"query": insert, "readonly": "0"})
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert server.sql(f"SELECT count() FROM {table}") == "0\n"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT * FROM no.where", 404, 81),
        ("SELECT 1 FORMAT NoSuchFormat", 404, 73),
        ("SELEKT", 400, 62),
        ("", 400, 62),
        ("-- nothing", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT toDate('x')", 400, 38),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 INTO OUTFILE 'x'", 500, 358),
        (
            "SELECT sleepEachRow(1) FROM numbers(9) SETTINGS max_execution_time = 1, max_block_size = 1",
            408,
            159,
        ),
        ("1 + 1", 400, 62),
    ],
)
def test_errors_have_clickhouse_status_and_code(
    http: httpx.Client, query: str, status: int, code: int
) -> None:
    answer = http.post("/", content=query)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.count("DB::Exception") == 1


def test_nothing_of_several_statements_is_run(http: httpx.Client, server: Any, table: str) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    answer = http.post("/", content=f"DROP TABLE {table}; SELECT 1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")
    assert server.sql(f"SELECT count() FROM {table}") == "0\n"


def test_the_query_id_is_the_clients_or_a_new_one(http: httpx.Client) -> None:
    given = http.post("/", params={"query_id": "mine"}, content="SELECT 1")
    assert given.headers["X-ClickHouse-Query-Id"] == "mine"
    made = [http.post("/", content="SELECT 1").headers["X-ClickHouse-Query-Id"] for _ in range(2)]
    assert all(made)
    assert made[0] != made[1]


def test_the_summary_counts_what_was_read(http: httpx.Client) -> None:
    answer = http.post(
        "/", params={"wait_end_of_query": "1"}, content="SELECT sum(number) FROM numbers(100000)"
    )
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert summary["read_rows"] == "100000"
    assert summary["result_rows"] == "1"


def test_an_answer_that_waited_for_its_end_fails_with_a_status(http: httpx.Client) -> None:
    query = "SELECT throwIf(number = 900000), repeat('x', 100) FROM numbers(1000000)"
    waited = http.post("/", params={"wait_end_of_query": "1"}, content=query)
    assert (waited.status_code, waited.headers["X-ClickHouse-Exception-Code"]) == (500, "395")
    hurried = http.post("/", content=query)
    assert hurried.status_code == 200
    tag = hurried.headers["X-ClickHouse-Exception-Tag"]
    assert hurried.text.endswith(f"{tag}\r\n__exception__\r\n")
    assert "Code: 395. DB::Exception" in hurried.text


def test_totals_are_there(http: httpx.Client) -> None:
    query = "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k"
    assert http.post("/", content=query).text == "0\t2\n1\t2\n\n0\t4\n"


def test_a_long_query_stands_in_the_url(http: httpx.Client) -> None:
    text = "x" * 60_000
    assert http.get("/", params={"query": f"SELECT length('{text}')"}).text == "60000\n"


def test_head_answers_without_a_body(http: httpx.Client) -> None:
    answer = http.head("/", params={"query": "SELECT 1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-ClickHouse-Format"] == "TabSeparated"


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_half_a_body_stores_nothing(
    server: Any, table: str, framing: str, eventually: Callable[..., None]
) -> None:
    server.sql(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    data = b"1\n" * 100
    data = b"%x\r\n%b\r\n" % (len(data), data) if "chunked" in framing else data
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        head = f"POST /?query=INSERT+INTO+{table}+FORMAT+TSV HTTP/1.1\r\nHost: here\r\n{framing}\r\n\r\n"
        raw.sendall(head.encode() + data)
        eventually(lambda: server.takes_data, 10)
    eventually(lambda: not server.takes_data, 10)
    assert server.sql(f"SELECT count() FROM {table}") == "0\n"


def test_a_query_ends_when_its_client_goes_away(server: Any, eventually: Callable[..., None]) -> None:
    sql = "SELECT count() FROM numbers(100) WHERE NOT ignore(sleepEachRow(0.1)) SETTINGS max_block_size = 1"
    ask = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers(100)%'"
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        head = "POST /?cancel_http_readonly_queries_on_client_close=1 HTTP/1.1\r\nHost: here\r\n"
        raw.sendall(f"{head}Content-Length: {len(sql)}\r\n\r\n{sql}".encode())
        eventually(lambda: server.sql(ask) == "1\n", 10)
    eventually(lambda: server.sql(ask) == "0\n", 8)
