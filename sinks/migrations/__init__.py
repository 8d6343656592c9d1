"""Tables and views, as numbered SQL files that are applied once each, in order, and never undone."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse import open_client, parse_url, translated_errors
from sinks.errors import ClickHouseAwayError, MigrationError

WAIT_SECONDS: Final = 60.0
"""How long ClickHouse may be away before `migrate` gives up."""
_PAUSE_SECONDS: Final = 0.5

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered file: its name without `.sql`, and its statements."""

    name: str
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """Changes with any statement."""
        return hashlib.sha256("\n".join(self.statements).encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """All migrations of this release, in their order."""
    found = [path for path in files(__name__).iterdir() if path.name.endswith(".sql")]
    return tuple(
        Migration(path.name.removesuffix(".sql"), statements_of(path.read_text(encoding="utf-8")))
        for path in sorted(found, key=lambda path: path.name)
    )


def statements_of(text: str) -> tuple[str, ...]:
    """Cut a file into statements; each ends with a semicolon at the end of a line."""
    return tuple(part.strip() for part in f"{text.strip()}\n".split(";\n") if part.strip())


def pending(known: tuple[Migration, ...], applied: Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations still to be applied, given the checksums of those that were.

    Raises:
        MigrationError: one of those was changed since.
    """
    for migration in known:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"migration {migration.name} was changed after it was applied here: "
                "put it back as it was and write the change as a new migration"
            )
    return tuple(migration for migration in known if migration.name not in applied)


def migrate(clickhouse_url: str, wait_seconds: float = WAIT_SECONDS) -> list[str]:
    """Create the database if it is missing and apply what is missing; the names of what was applied.

    Safe to repeat, also after it was cut off in the middle: statements leave alone what is there.

    Raises:
        InvalidUrlError: the URL is none.
        ClickHouseAwayError: ClickHouse did not answer within `wait_seconds`.
        MigrationError: a statement fails, or an applied migration was changed.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return _migrate_once(clickhouse_url)
        except ClickHouseAwayError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def _migrate_once(clickhouse_url: str) -> list[str]:
    endpoint = parse_url(clickhouse_url)
    server = open_client(endpoint, "default")
    with translated_errors():
        server.command(f"CREATE DATABASE IF NOT EXISTS `{endpoint.database}`")
        server.close()
    client = open_client(endpoint, endpoint.database)
    with translated_errors():
        client.command(_LEDGER)
        rows = client.query("SELECT name, checksum FROM schema_migrations FINAL").result_rows
    missing = pending(migrations(), {str(name): str(checksum) for name, checksum in rows})
    for migration in missing:
        _apply(client, migration)
    client.close()
    return [migration.name for migration in missing]


def _apply(client: Client, migration: Migration) -> None:
    try:
        for statement in migration.statements:
            client.command(statement)
        client.insert("schema_migrations", [(migration.name, migration.checksum)], ["name", "checksum"])
    except DatabaseError as error:
        if error.code is None:
            raise ClickHouseAwayError(str(error)) from error
        raise MigrationError(f"migration {migration.name} cannot be applied: {error}") from error
