"""`load`: a CSV file as usage events."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DEFAULT_STATE_DIR, StateDir

if TYPE_CHECKING:
    from cli.csv_events import Mapped

_PROGRESS_EVERY = 1_000


def load(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    tenant: Annotated[str, typer.Option(help="Whose usage it is.")],
    event_name: Annotated[str, typer.Option(help="What was used; meters count events by this name.")],
    timestamp_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="When: epoch milliseconds, RFC 3339, or a time in UTC.")
    ],
    customer_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Whose customer's; without it the tenant's own.")
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="NAME=COLUMN",
            help="Once for each; without any, every other column, in snake_case.",
        ),
    ] = None,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Publish a CSV file as usage events.

    All rows are checked before the first is published. A row's event id derives from the event name, the
    file's base name, the row's number and its text: loading a file again changes nothing within the dedupe
    horizon, which is said at the end.
    """
    from cli.addresses import kafka_address
    from cli.usage_topic import end_offsets

    columns = dict(map(_name_and_column, properties or ()))
    mapped = _mapped(file, event_name, tenant, timestamp_column, customer_column, columns)
    kafka = kafka_address(state_dir)
    began_ms = time.time_ns() // 1_000_000
    count = _check(file, mapped, began_ms)
    before = end_offsets(kafka)
    _warn_if_nothing_counts(mapped, kafka)
    seconds = _publish(file, mapped, began_ms, count, kafka)
    typer.echo(f"{count:,} events published in {seconds:.1f} s.")
    typer.echo(_repeatable(before, end_offsets(kafka), began_ms))


def _warn_if_nothing_counts(mapped: "Mapped", kafka: str) -> None:
    from producers import read_definitions
    from schemas import ANY, Status

    counted_for = {
        each.tenant_id
        for each in read_definitions(kafka)
        if each.event_name == mapped.event_name and each.status is Status.PUBLISHED
    }
    if not counted_for & {mapped.tenant, ANY}:
        typer.echo(
            f"warning: no meter of tenant {mapped.tenant} or * counts {mapped.event_name}, so these events "
            "are stored and not counted. Apply a meter first: events published before it, and repeats of "
            "them, stay uncounted.",
            err=True,
        )


def _name_and_column(given: str) -> tuple[str, str]:
    name, equals, column = given.partition("=")
    if not (name and equals and column):
        raise typer.BadParameter(
            f"{given!r} is not NAME=COLUMN, such as context_tokens=ContextTokens", param_hint="--property"
        )
    return name, column


def _mapped(
    file: Path, event_name: str, tenant: str, timestamp: str, customer: str | None, columns: dict[str, str]
) -> "Mapped":
    from cli.csv_events import Mapped, choose_columns, read_rows

    with _opened(file) as lines:
        header, _ = read_rows(lines)
        chosen = choose_columns(header, timestamp, customer, columns)
    return Mapped(event_name, tenant, timestamp, customer, chosen)


def _check(file: Path, mapped: "Mapped", now_ms: int) -> int:
    """Read the whole file once; the number of its rows. What all rows share is checked on the first."""
    from cli.errors import CsvError
    from schemas import UsageEvent, readable_faults

    count = 0
    for event in _events(file, mapped, now_ms):
        if not count:
            from pydantic import ValidationError

            try:
                UsageEvent.model_validate(event)
            except ValidationError as error:
                faults = "\n".join(readable_faults(error, UsageEvent))
                raise CsvError(f"{file.name}: its rows would be no usage events\n{faults}") from error
        count += 1
    return count


def _publish(file: Path, mapped: "Mapped", now_ms: int, count: int, kafka: str) -> float:
    """Publish every row and wait until all are stored; the seconds it took."""
    from producers import UsageProducer

    began = time.monotonic()
    with (
        typer.progressbar(length=count, label=file.name, file=typer.get_text_stream("stderr")) as bar,
        UsageProducer(kafka) as producer,
    ):
        for position, event in enumerate(_events(file, mapped, now_ms), start=1):
            producer.send(event)
            if not position % _PROGRESS_EVERY or position == count:
                bar.update(position - bar.pos)
    return time.monotonic() - began


def _events(file: Path, mapped: "Mapped", now_ms: int) -> Iterator[dict[str, Any]]:
    from cli.csv_events import events, read_rows

    with _opened(file) as lines:
        header, rows = read_rows(lines)
        yield from events(rows, header, mapped, file.name, now_ms)


@contextmanager
def _opened(file: Path) -> Iterator[Iterator[str]]:
    """The file's lines with their ends as they stand; faults found in them name the file."""
    from cli.errors import CsvError

    if not file.is_file():
        raise CsvError(f"{file} is no regular file: it is read twice, so save it first")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield iter(lines)
    except UnicodeDecodeError as error:
        raise CsvError(f"{file.name} is not UTF-8: {error}") from error
    except CsvError as error:
        raise CsvError(f"{file.name}, {error}") from error


def _repeatable(before: dict[int, int], after: dict[int, int], began_ms: int) -> str:
    from cli.horizon import horizon
    from stream.settings import StreamSettings

    settings = StreamSettings()
    spans = {partition: (before.get(partition, 0), end) for partition, end in after.items()}
    found = horizon(spans, began_ms, settings.dedupe_records, settings.dedupe_seconds)
    if found is None:
        return (
            f"Do not load it again: a worker remembers {settings.dedupe_records:,} events a partition "
            "(METERSTREAM_DEDUPE_RECORDS), and this file has more, so some would count twice."
        )
    return f"Loading it again changes nothing {found}."
