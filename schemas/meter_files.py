"""Meters as files give them: what JSON or YAML loading yields, one meter or a list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.definitions import meter_faults
from schemas.errors import InvalidMeterError
from schemas.faults import on_one_line
from schemas.meters import Meter


def parse_meters(data: Any) -> list[Meter]:  # noqa: ANN401 - whatever a JSON or YAML file held
    """Read one meter (a mapping) or several (a list of mappings), each with every field checked.

    Raises:
        InvalidMeterError: naming every fault of every meter; each line says which meter by position and id.
    """
    if isinstance(data, Mapping):
        data = [data]
    if not isinstance(data, list | tuple):
        raise InvalidMeterError(
            [f"a meter file holds one mapping or a list of them, not {type(data).__name__}"]
        )
    faults = [*_faults_of_each(data), *_repeated_meters(data)]
    if faults:
        raise InvalidMeterError(faults)
    return [Meter.model_validate(dict(fields)) for fields in data]


def _faults_of_each(meters: Sequence[Any]) -> Iterator[str]:
    for position, fields in enumerate(meters, start=1):
        for fault in meter_faults(fields):
            yield f"{_label(position, fields)}: {fault}"


def _label(position: int, fields: object) -> str:
    identifier = fields.get("id") if isinstance(fields, Mapping) else None
    if not isinstance(identifier, str) or not identifier:
        return f"meter {position}"
    return f"meter {position} ({on_one_line(identifier)})"


def _repeated_meters(meters: Sequence[Any]) -> Iterator[str]:
    first: dict[tuple[str, ...], int] = {}
    for position, fields in enumerate(meters, start=1):
        identity = _identity(fields)
        if identity is None:
            continue
        if identity in first:
            yield (
                f"{_label(position, fields)}: id: meter {first[identity]} has the same one in this tenant "
                "and environment: give each its own"
            )
        first.setdefault(identity, position)


def _identity(fields: object) -> tuple[str, ...] | None:
    if not isinstance(fields, Mapping) or not fields.get("id"):
        return None
    identity = (fields.get("tenant_id", "default"), fields.get("environment_id", "default"), fields["id"])
    return identity if all(isinstance(part, str) for part in identity) else None
