"""The commands and their options; what a command does is imported when it runs."""

from typing import Annotated

import typer

from cli import load, meters, services, usage
from cli.demo import command

app = typer.Typer(
    name="meterstream",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # main() words the errors
    rich_markup_mode=None,  # plain help does not wait for rich
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"meterstream {version('meterstream')}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors (also METERSTREAM_DEBUG=1).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Usage metering on Kafka: every event counted exactly once in ClickHouse."""


app.command()(services.up)
app.command()(command.demo)
app.command()(load.load)
app.command("usage")(usage.usage)
app.add_typer(meters.app, name="meters")
app.add_typer(services.topics, name="topics")
app.command()(services.migrate)
app.command()(services.sink)
