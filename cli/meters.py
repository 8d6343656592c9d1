"""`meters apply`, `meters list` and `meters disable`."""

import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.options import DEFAULT_STATE_DIR, StateDir

if TYPE_CHECKING:
    from datetime import datetime

    from producers import AppliedMeter
    from schemas import Meter, MeterDefinition

app = typer.Typer(no_args_is_help=True)

_IDENTITY: Final = ("tenant", "environment", "meter", "version")


@app.callback()
def _meters() -> None:
    """Publish, list and disable meters."""


@app.command()
def apply(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="One meter or a list, JSON or YAML; - is standard input."),
    ] = None,
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="The 18 meters that ship with Meterstream.")
    ] = False,
    effective_from: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="From when all of them count, RFC 3339 such as 2026-01-31T12:00:00Z."
        ),
    ] = None,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Publish meters as new versions.

    An event published after this returned is counted by them.
    An unchanged meter publishes nothing.
    """
    if (file is None) != catalogue:
        raise typer.BadParameter("give either FILE or --catalogue", param_hint="FILE")
    from cli.addresses import kafka_address
    from cli.moments import zoned_moment
    from producers import apply_meters

    moment = None if effective_from is None else zoned_moment(effective_from)
    meters = _shipped() if file is None else _read(file)
    _print_applied(apply_meters(kafka_address(state_dir), meters, effective_from=moment))


@app.command("list")
def list_(
    every_version: Annotated[
        bool, typer.Option("--versions", help="Every version of each meter, not the newest alone.")
    ] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Show the meters that were published."""
    from cli.addresses import kafka_address
    from cli.tables import print_table
    from producers import read_definitions

    definitions = read_definitions(kafka_address(state_dir))
    if not every_version:
        definitions = list({_identity(each): each for each in definitions}.values())
    columns = (*_IDENTITY, "event", "aggregation", "filters", "effective from", "status")
    print_table(columns, map(_definition_row, definitions), right=frozenset({"version"}))


@app.command()
def disable(
    meter_id: Annotated[str, typer.Argument(metavar="METER")],
    tenant: Annotated[str, typer.Option(help="Whose meter it is.")] = "default",
    environment: Annotated[str, typer.Option(help="Of which environment it is.")] = "default",
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Archive a meter: it counts no more.

    Publishes an archived version, in force from now on.
    """
    from cli.addresses import kafka_address
    from cli.errors import MeterFileError
    from producers import apply_meters, read_definitions
    from schemas import Status

    kafka = kafka_address(state_dir)
    newest = {_identity(each): each for each in read_definitions(kafka)}
    standing = newest.get((tenant, environment, meter_id))
    if standing is None:
        raise MeterFileError(
            f"there is no meter {meter_id} of tenant {tenant} and environment {environment}: "
            "`meterstream meters list` shows those there are"
        )
    archived = standing.model_copy(update={"status": Status.ARCHIVED, "effective_from": None})
    _print_applied(apply_meters(kafka, [archived]))


def _shipped() -> "list[Meter]":
    from schemas import catalogue

    return list(catalogue())


def _read(file: str) -> "list[Meter]":
    from cli.errors import MeterFileError
    from cli.meter_documents import read_document
    from schemas import InvalidMeterError, parse_meters

    path = Path(file)
    if file != "-" and not path.is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="FILE")
    name = "standard input" if file == "-" else path.name
    try:
        text = sys.stdin.read() if file == "-" else path.read_text(encoding="utf-8-sig")
        return parse_meters(read_document(text, name))
    except UnicodeDecodeError as error:
        raise MeterFileError(f"{name} is not UTF-8: {error}") from error
    except InvalidMeterError as error:
        raise MeterFileError(f"{name}: nothing was published\n{error}") from error


def _print_applied(applied: "Sequence[AppliedMeter]") -> None:
    from cli.tables import print_table

    rows = [_applied_row(each) for each in applied]
    print_table((*_IDENTITY, "effective from", "outcome"), rows, right=frozenset({"version"}))
    for each in applied:
        if each.refused_start is not None:
            typer.echo(_refused_start(each.definition, each.refused_start))


def _refused_start(definition: "MeterDefinition", asked: "datetime") -> str:
    return (
        f"{definition.id} is unchanged and still counts from {_since(definition)}, not from "
        f"{_moment(asked)}: a published version is immutable, its effective time included; any change of the "
        "meter, if only of its description, makes a new version, which may have another"
    )


def _applied_row(applied: "AppliedMeter") -> tuple[str, ...]:
    definition = applied.definition
    archived = applied.outcome == "published" and definition.status == "archived"
    return (*_named(definition), _since(definition), "archived" if archived else applied.outcome)


def _definition_row(definition: "MeterDefinition") -> tuple[str, ...]:
    aggregation = definition.aggregation
    filters = " and ".join(f"{each.key} in {', '.join(each.values)}" for each in definition.filters)
    counted = aggregation.type + (f" of {aggregation.field}" if aggregation.type.needs_field else "")
    return (
        *_named(definition),
        definition.event_name,
        counted,
        filters,
        _since(definition),
        definition.status,
    )


def _named(definition: "MeterDefinition") -> tuple[str, ...]:
    return (*_identity(definition), str(definition.meter_version))


def _since(definition: "MeterDefinition") -> str:
    return _moment(definition.effective_from) if definition.effective_from_ms else "the beginning"


def _moment(moment: "datetime") -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _identity(definition: "MeterDefinition") -> tuple[str, str, str]:
    return definition.tenant_id, definition.environment_id, definition.id
