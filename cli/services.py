"""`up`, `topics apply`, `migrate` and `sink`: what runs Meterstream and what it runs on."""

from typing import Annotated

import typer

from cli.options import DEFAULT_STATE_DIR, StateDir

topics = typer.Typer(no_args_is_help=True)

Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="A free one unless given.")]


def up(
    state_dir: StateDir = DEFAULT_STATE_DIR,
    kafka_port: Port = None,
    clickhouse_port: Port = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Partitions of the topics [default: 4]; never taken away.")
    ] = None,
) -> None:
    """Run the whole stack here, until Ctrl-C.

    Kafka, ClickHouse, the worker that counts, the one for sessions, and the sink.

    Where METERSTREAM_KAFKA_BOOTSTRAP_SERVERS or METERSTREAM_CLICKHOUSE_URL is set, that one is used instead.
    """
    from cli.extras import WHOLE_STACK, require_extras

    require_extras("meterstream up", WHOLE_STACK)
    from deploy.local.up import run
    from deploy.settings import LocalSettings

    given = {"kafka_port": kafka_port, "clickhouse_port": clickhouse_port, "partitions": partitions}
    settings = LocalSettings.model_validate(
        {"state_dir": state_dir} | {name: value for name, value in given.items() if value is not None}
    )
    raise typer.Exit(run(settings))


@topics.callback()
def _topics() -> None:
    """Create and correct Meterstream's topics."""


@topics.command("apply")
def apply(
    partitions: Annotated[
        int,
        typer.Option(
            min=1, envvar="METERSTREAM_PARTITIONS", help="Of each topic that needs no fixed number."
        ),
    ] = 4,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition of a new topic.")] = 1,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Create missing topics, correct others.

    A second run changes nothing.
    """
    from cli.addresses import kafka_address
    from deploy.topics import apply_topics

    changes = apply_topics(kafka_address(state_dir), partitions=partitions, replication=replication)
    for change in changes:
        typer.echo(str(change))
    if not changes:
        typer.echo("The topics are as they should be; nothing was changed.")


def migrate(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Create or update ClickHouse's tables.

    A second run changes nothing.
    """
    from cli.addresses import clickhouse_address
    from sinks.migrations import migrate as apply_migrations

    applied = apply_migrations(clickhouse_address(state_dir))
    for name in applied:
        typer.echo(f"{name}: applied")
    if not applied:
        typer.echo("The tables are as they should be; nothing was changed.")


def sink(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Write Kafka's records to ClickHouse.

    Runs until Ctrl-C; `meterstream up` runs one already.
    """
    import logging

    from cli.addresses import clickhouse_address, kafka_address
    from sinks.settings import SinkSettings
    from sinks.sink import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = SinkSettings(
        kafka_bootstrap_servers=kafka_address(state_dir), clickhouse_url=clickhouse_address(state_dir)
    )
    raise typer.Exit(run(settings))
