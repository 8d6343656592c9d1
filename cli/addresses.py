"""Where Kafka and ClickHouse are: named by the environment, or the stack that is up in a state directory."""

from pathlib import Path

from cli.errors import AddressError
from deploy.errors import NotRunningError
from deploy.local.endpoints import clickhouse_of, kafka_of
from deploy.settings import LocalSettings


def kafka_address(state_dir: Path) -> str:
    """The brokers, as host:port, several separated by commas.

    Raises:
        AddressError: METERSTREAM_KAFKA_BOOTSTRAP_SERVERS names none, or is unset and no stack is up.
    """
    from producers.destinations import brokers

    try:
        servers = kafka_of(LocalSettings(state_dir=state_dir))
    except NotRunningError as error:
        raise _nowhere(error, "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS=host:9092") from error
    try:
        return brokers(servers).bootstrap_servers
    except ValueError as error:
        raise AddressError(f"METERSTREAM_KAFKA_BOOTSTRAP_SERVERS: {error}") from error


def clickhouse_address(state_dir: Path) -> str:
    """The ClickHouse URL.

    Raises:
        AddressError: METERSTREAM_CLICKHOUSE_URL is unset and no stack is up.
    """
    try:
        return clickhouse_of(LocalSettings(state_dir=state_dir))
    except NotRunningError as error:
        raise _nowhere(error, "METERSTREAM_CLICKHOUSE_URL=http://user:password@host:8123/metering") from error


def _nowhere(error: NotRunningError, example: str) -> AddressError:
    return AddressError(f"{error}, or set {example}")
