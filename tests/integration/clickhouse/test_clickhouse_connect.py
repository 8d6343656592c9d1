"""The clickhouse-connect client against the embedded server."""

import datetime as dt
import gzip
import zlib
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.compression import available_compression
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

_UTC = dt.UTC


def test_the_client_connects_and_knows_server_and_zone(client: Any) -> None:
    assert client.server_version.count(".") >= 2
    assert str(client.server_tz) == "UTC"
    assert client.ping()
    assert client.query("SELECT currentDatabase()").result_rows == [("metering",)]


@pytest.mark.parametrize(
    "value", ["", "it's", 'say "hi"', "a\nb\tc\\d", "back`tick", "é 日本 🎉", "\\N", "{x:y}"]
)
def test_a_parameter_arrives_as_it_was_given(client: Any, value: str) -> None:
    assert client.query("SELECT {v:String}", parameters={"v": value}).result_rows == [(value,)]


def test_parameters_of_every_kind_arrive(client: Any) -> None:
    given = {
        "n": 255,
        "d": Decimal("1.5"),
        "a": ["x'y", "back\\slash", "new\nline"],
        "t": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=_UTC),
        "o": None,
    }
    found = client.query(
        "SELECT {n:UInt8}, {d:Decimal(76, 18)}, {a:Array(String)}, {t:DateTime('UTC')}, {o:Nullable(String)}",
        parameters=given,
    ).result_rows
    naive = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=_UTC).replace(tzinfo=None)
    assert found == [(255, Decimal("1.5"), given["a"], naive, None)]


def test_an_inserted_row_comes_back_as_it_was(client: Any, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (id UInt64, text String, amount Decimal(76, 18), tags Map(String, String), "
        "at DateTime('UTC'), at_ms DateTime64(3, 'UTC'), note Nullable(String), list Array(Float64)) "
        "ENGINE = MergeTree ORDER BY id"
    )
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=_UTC)
    amount = Decimal("1234567890123456789012345678901234567890123456789012345678.123456789012345678")
    rows = [
        [1, "plain", amount, {"model": "a/b", "empty": ""}, at, at.replace(microsecond=678_000), None, [0.5]],
        [2, "it's\n\0\\", -amount, {}, at, at, "", []],
    ]
    summary = client.insert(table, rows, column_names="*")
    assert summary.written_rows == 2
    found = client.query(f"SELECT * FROM {table} ORDER BY id", query_tz="UTC", tz_mode="aware").result_rows
    assert [list(row) for row in found] == rows


# The client inflates deflate, but cannot insert with it.
@pytest.mark.parametrize(
    "compression", [False, *(name for name in available_compression if name != "deflate")]
)
def test_inserts_and_queries_are_compressed_as_the_client_asks(
    server: Any, table: str, compression: Any
) -> None:
    client = server.client(compress=compression)
    client.command(f"CREATE TABLE {table} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    rows = [(number, f"text {number}") for number in range(50_000)]
    client.insert(table, rows, column_names=["id", "text"])
    assert client.query(f"SELECT * FROM {table} ORDER BY id").result_rows == rows


@pytest.mark.parametrize("compression", [None, *available_compression])
def test_raw_rows_are_inserted_however_they_are_compressed(client: Any, table: str, compression: Any) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64, amount Decimal(76, 18)) ENGINE = MergeTree ORDER BY id")
    lines = b'{"id": 1, "amount": "1.000000000000000001"}\n{"id": 2, "amount": 2.5}\n'
    packed = _pack(lines, compression)
    summary = client.raw_insert(table, insert_block=packed, fmt="JSONEachRow", compression=compression)
    assert summary.written_rows == 2
    found = client.query(f"SELECT * FROM {table} ORDER BY id").result_rows
    assert found == [(1, Decimal("1.000000000000000001")), (2, Decimal("2.5"))]


def test_bytes_that_are_no_utf8_survive_native(client: Any, table: str) -> None:
    client.command(f"CREATE TABLE {table} (raw String) ENGINE = MergeTree ORDER BY raw")
    odd = bytes(range(256))
    client.insert(table, [[odd]], column_names=["raw"], column_type_names=["String"])
    found = client.query(f"SELECT raw FROM {table}", query_formats={"String": "bytes"}).result_rows
    assert found == [(odd,)]


def test_an_insert_of_many_blocks_is_complete(client: Any, table: str) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    rows = [(number, "x" * 50) for number in range(300_000)]
    assert client.insert(table, rows, column_names=["id", "text"]).written_rows == 300_000
    assert client.command(f"SELECT sum(id) FROM {table}") == 300_000 * 299_999 // 2


def test_rows_stream_in_blocks(client: Any) -> None:
    sizes = []
    with client.query_row_block_stream("SELECT number FROM numbers(500000)") as blocks:
        sizes.extend(len(block) for block in blocks)
    assert sum(sizes) == 500_000
    assert len(sizes) > 1
    with client.query_rows_stream("SELECT number FROM numbers(200000)") as rows:
        assert sum(row[0] for row in rows) == 200_000 * 199_999 // 2


@pytest.mark.parametrize("form", ["CSV", "JSONEachRow", "JSON", "CSVWithNames", "Parquet"])
def test_a_raw_stream_is_what_the_query_gives_at_once(client: Any, form: str) -> None:
    query = "SELECT number, toString(number) AS text FROM numbers(200000)"
    streamed = b"".join(client.raw_stream(query, fmt=form))
    at_once = client.raw_query(query, fmt=form)
    assert _without_timings(streamed) == _without_timings(at_once)
    assert len(streamed) > 100_000


def test_names_of_columns_are_known_where_there_are_no_rows(client: Any) -> None:
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")
    assert client.query("SELECT 1 AS a WHERE 0").result_rows == []


def test_a_command_gives_its_value_and_summary(client: Any, table: str) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    assert client.command(f"INSERT INTO {table} VALUES (1), (2 + 3)").written_rows == 2
    assert client.command(f"INSERT INTO {table} SELECT number FROM numbers(10)").written_rows == 10
    assert client.command(f"SELECT count() FROM {table}") == 12
    assert client.command("SELECT {x:UInt8} + 1", parameters={"x": 41}) == 42


def test_parameters_reach_inserts(client: Any, table: str) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    client.command(
        "INSERT INTO {t:Identifier} VALUES (1, {v:String})", parameters={"t": table, "v": "it's\na \\ test"}
    )
    assert client.query(f"SELECT * FROM {table}").result_rows == [(1, "it's\na \\ test")]


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM nodatabase.nowhere", 81, "UNKNOWN_DATABASE"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELEKT 1", 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SELECT nofunction(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT {x:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
        ("INSERT INTO nowhere VALUES (1)", 60, "UNKNOWN_TABLE"),
        ("DROP TABLE nowhere", 60, "UNKNOWN_TABLE"),
    ],
)
def test_errors_have_clickhouse_codes(client: Any, query: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command(query)
    assert caught.value.code == code
    assert caught.value.name == name
    assert f"Code: {code}. DB::Exception: " in str(caught.value)


def test_a_refused_row_stores_nothing_of_its_block(client: Any, table: str) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, insert_block=b'{"id": 1}\n{"id": "no number"}', fmt="JSONEachRow")
    assert caught.value.code in (27, 72)
    with pytest.raises(DatabaseError):
        client.raw_insert(table, insert_block=b"\x01", fmt="Native")
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_an_error_behind_rows_reaches_the_reader(client: Any) -> None:
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(5000000)"
    taken: list[int] = []
    with pytest.raises(StreamFailureError, match=r"Code: 395\. DB::Exception"):
        _take(client, query, taken)
    assert 0 < sum(taken) <= 3_000_000


def test_settings_hold_for_one_request(client: Any) -> None:
    ask = "SELECT getSetting('max_block_size')"
    usual = client.command(ask)
    assert client.query(ask, settings={"max_block_size": 777}).result_rows == [(777,)]
    assert client.command(ask) == usual


def test_a_setting_that_is_none_is_an_error(client: Any) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_SETTING") as caught:
        client.command("SELECT 1", settings={"no_such_setting": 1})
    assert caught.value.code == 115


def test_set_and_use_hold_for_the_session_and_for_no_other(server: Any) -> None:
    first, second = server.client(session_id="first"), server.client(session_id="second")
    first.command("SET max_block_size = 4321")
    assert first.command("SELECT getSetting('max_block_size')") == 4321
    assert second.command("SELECT getSetting('max_block_size')") != 4321
    plain = server.client(database=None, session_id="third")
    plain.command("USE system")
    assert plain.command("SELECT currentDatabase()") == "system"


def test_inserts_with_one_deduplication_token_are_stored_once(client: Any, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("first", "first", "second"):
        client.insert(table, [[1]], column_names=["id"], settings={"insert_deduplication_token": token})
    assert client.command(f"SELECT count() FROM {table}") == 2


def test_a_form_carries_query_and_parameters(server: Any) -> None:
    client = server.client(form_encode_query_params=True)
    found = client.query("SELECT {v:String}, {a:Array(String)}", parameters={"v": "it's\n", "a": ["x'y"]})
    assert found.result_rows == [("it's\n", ["x'y"])]


def test_a_file_of_the_form_is_a_table_of_the_query(client: Any) -> None:
    from clickhouse_connect.driver.external import ExternalData

    external = ExternalData(
        file_name="wanted.csv", fmt="CSV", structure=["id UInt64", "text String"], data=b"1,one\n2,two\n"
    )
    found = client.query("SELECT sum(id), max(text) FROM wanted", external_data=external).result_rows
    assert found == [(3, "two")]


def _take(client: Any, query: str, sizes: list[int]) -> None:
    with client.query_row_block_stream(query) as blocks:
        sizes.extend(len(block) for block in blocks)


def _pack(data: bytes, compression: str | None) -> bytes:
    if compression == "gzip":
        return gzip.compress(data)
    if compression == "deflate":
        return zlib.compress(data)
    if compression == "lz4":
        import lz4.frame

        return bytes(lz4.frame.compress(data))
    if compression == "zstd":
        from clickhouse_connect.driver.compression import _zstd_compress

        return bytes(_zstd_compress(data))
    return data


def _without_timings(body: bytes) -> bytes:
    return body.split(b'"elapsed"')[0]
