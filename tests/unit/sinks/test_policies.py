from threading import Event

import pytest

from sinks.clickhouse import Endpoint, parse_url
from sinks.errors import (
    ClickHouseAwayError,
    InvalidUrlError,
    MigrationError,
    SettingMissingError,
)
from sinks.migrations import Migration, migrations, pending, statements_of
from sinks.retries import pause_seconds, retry_while_away
from sinks.settings import SinkSettings


def test_a_url_gives_its_parts_and_defaults() -> None:
    assert parse_url("https://me:p%40ss@db:9440/usage") == Endpoint(
        "https", "db", 9440, "me", "p@ss", "usage"
    )
    assert parse_url("http://db") == Endpoint("http", "db", 8123, "default", "", "metering")


@pytest.mark.parametrize("url", ["db:8123", "kafka://db", "http://", "http://db/a/b", "http://db/a`b"])
def test_what_is_no_clickhouse_url_is_refused_with_its_form(url: str) -> None:
    with pytest.raises(InvalidUrlError, match="http\\[s\\]://user:password@host:port/database"):
        parse_url(url)


def test_a_sink_without_clickhouse_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERSTREAM_CLICKHOUSE_URL", raising=False)
    with pytest.raises(SettingMissingError, match="METERSTREAM_CLICKHOUSE_URL is not set"):
        SinkSettings().require_clickhouse_url()


def test_pauses_grow_to_a_bound_and_differ_by_chance() -> None:
    pauses = [pause_seconds(attempt, 0.0) for attempt in range(100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2.5
    assert pause_seconds(3, 0.9) > pause_seconds(3, 0.1)


def test_what_fails_for_the_moment_is_tried_until_it_works() -> None:
    outcomes = [ClickHouseAwayError("gone"), ClickHouseAwayError("gone"), None]

    def action() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    retry_while_away(action, "meters", Event())
    assert outcomes == []


def test_trying_ends_when_it_is_told_to_stop() -> None:
    def action() -> None:
        raise ClickHouseAwayError("gone")

    stop = Event()
    stop.set()
    with pytest.raises(ClickHouseAwayError):
        retry_while_away(action, "meters", stop)


def test_statements_end_with_a_semicolon_at_the_end_of_a_line() -> None:
    assert statements_of("-- a; b\nSELECT 1;\n\nSELECT ';';\n") == ("-- a; b\nSELECT 1", "SELECT ';'")


def test_only_what_was_not_applied_is_pending() -> None:
    first, second = Migration("0001_a", ("A",)), Migration("0002_b", ("B",))
    assert pending((first, second), {"0001_a": first.checksum}) == (second,)


def test_an_applied_migration_that_changed_is_an_error() -> None:
    with pytest.raises(MigrationError, match="0001_a was changed"):
        pending((Migration("0001_a", ("A",)),), {"0001_a": "another"})


def test_migrations_are_numbered_without_gaps() -> None:
    names = [migration.name for migration in migrations()]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
