"""What Meterstream's tables need of the engine, shown on the embedded one."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

_LARGE = "1234567890123456789012345678901234567890123456789012345678.123456789012345678"


def test_decimals_of_76_digits_are_exact_quoted_or_bare(client: Any, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (id UInt8, amount Nullable(Decimal(76, 18))) ENGINE = MergeTree ORDER BY id"
    )
    lines = f'{{"id": 1, "amount": "{_LARGE}"}}\n{{"id": 2, "amount": {_LARGE}}}\n{{"id": 3, "amount": null}}'
    client.raw_insert(table, insert_block=lines, fmt="JSONEachRow")
    found = [row[0] for row in client.query(f"SELECT amount FROM {table} ORDER BY id").result_rows]
    assert found == [Decimal(_LARGE), Decimal(_LARGE), None]


def test_a_later_version_of_a_row_replaces_the_earlier(client: Any, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (tenant String, groups Map(String, String), version UInt64, "
        "amount Decimal(76, 18), group_key String MATERIALIZED toString(mapSort(groups)), "
        "month Date MATERIALIZED '2026-01-01') "
        "ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(month) ORDER BY (tenant, group_key)"
    )
    first = '{"tenant": "a", "groups": {"x": "1", "y": "2"}, "version": 1, "amount": "1"}'
    second = '{"tenant": "a", "groups": {"y": "2", "x": "1"}, "version": 2, "amount": "2.5"}'
    for line in (second, first, second):
        client.raw_insert(table, insert_block=line, fmt="JSONEachRow")
    assert client.query(f"SELECT amount FROM {table} FINAL").result_rows == [(Decimal("2.5"),)]
    client.command(
        f"CREATE VIEW {table}_view AS SELECT tenant, sum(amount) AS value FROM {table} FINAL GROUP BY tenant"
    )
    assert client.query(f"SELECT * FROM {table}_view").result_rows == [("a", Decimal("2.5"))]
    client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert client.command(f"SELECT count() FROM {table}") == 1


def test_columns_are_extracted_from_json(client: Any, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (value String, "
        "metadata Map(String, String) MATERIALIZED JSONExtract(value, 'properties', 'Map(String, String)'), "
        "at DateTime64(3, 'UTC') MATERIALIZED fromUnixTimestamp64Milli(JSONExtractInt(value, 'timestamp'))) "
        "ENGINE = MergeTree ORDER BY tuple()"
    )
    event = '{"timestamp": 1700000000123, "properties": {"rule_id": "r1", "count": 5}}'
    client.insert(table, [[event], ["no JSON"]], column_names=["value"])
    columns = "metadata['rule_id'], metadata['count'], toUnixTimestamp64Milli(at)"
    found = client.query(f"SELECT {columns} FROM {table} WHERE value != 'no JSON'").result_rows
    assert found == [("r1", "5", 1_700_000_000_123)]
    assert client.command(f"SELECT length(metadata) FROM {table} WHERE value = 'no JSON'") == 0


def test_parts_are_merged_in_the_background(client: Any, table: str, eventually: Callable[..., None]) -> None:
    client.command(f"CREATE TABLE {table} (id UInt64) ENGINE = MergeTree ORDER BY id")
    for number in range(30):
        client.raw_insert(table, insert_block=f'{{"id": {number}}}', fmt="JSONEachRow")
    ask = f"SELECT count() FROM system.parts WHERE table = '{table}' AND active"
    eventually(lambda: client.command(ask) < 15, 30)
    assert client.command(f"SELECT count() FROM {table}") == 30


def test_times_without_a_zone_are_utc(client: Any) -> None:
    assert client.command("SELECT toUnixTimestamp(toDateTime('2026-01-01 00:00:00'))") == 1_767_225_600


@pytest.mark.parametrize("engine", ["MergeTree", "ReplacingMergeTree"])
def test_what_fails_while_rows_are_written_is_said_and_nothing_is_stored(
    client: Any, server: Any, table: str, engine: str
) -> None:
    columns = "id String, day Date, CONSTRAINT named CHECK id != ''"
    client.command(f"CREATE TABLE {table} ({columns}) ENGINE = {engine} PARTITION BY day ORDER BY id")
    nameless = [["a", 0], ["", 0], ["b", 0]]
    with pytest.raises(DatabaseError) as violated:
        client.insert(table, nameless, column_names=["id", "day"], column_type_names=["String", "UInt16"])
    assert violated.value.code == 469
    lines = b"".join(b'{"id": "%d", "day": %d}\n' % (day, day) for day in range(101))
    with pytest.raises(DatabaseError) as scattered:
        client.raw_insert(table, insert_block=lines, fmt="JSONEachRow")
    assert scattered.value.code == 252
    assert server.sql(f"SELECT count() FROM {table}") == "0\n"


def test_settings_of_an_insert_hold_for_its_data(server: Any, table: str) -> None:
    server.sql(f"CREATE TABLE {table} (a UInt8, settings String) ENGINE = MergeTree ORDER BY a")
    skipping = "SETTINGS input_format_allow_errors_num = 1"
    server.sql(f"INSERT INTO {table} (a, settings) {skipping} FORMAT CSV\n1,x\nbroken,y\n2,z\n")
    assert server.sql(f"SELECT a, settings FROM {table} ORDER BY a") == "1\tx\n2\tz\n"
