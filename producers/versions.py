"""Which versions of meters an application publishes, decided from what stands. Nothing here does I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas import EPOCH, InvalidMeterError, Meter, MeterDefinition, definition, epoch_ms, validate

_NOT_COMPARED = {"meter_version", "effective_from", "created_at", "created_by", "updated_at", "updated_by"}

_Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class AppliedMeter:
    """What applying a meter came to: a new version, or the one that stood already.

    `refused_start` is an effective time that was asked for an unchanged meter and is not its own: a published
    version is immutable, so it was left as it is.
    """

    definition: MeterDefinition
    outcome: Literal["published", "unchanged"]
    refused_start: datetime | None = None


def next_versions(
    meters: Sequence[Meter],
    standing: Iterable[MeterDefinition],
    *,
    now: datetime,
    effective_from: datetime | None = None,
) -> list[AppliedMeter]:
    """Give each meter its next version, or the standing one where nothing changed.

    A first version counts from the epoch unless told otherwise, a later one from `now`; `effective_from` is
    for all of them and wins over a meter's own.

    Raises:
        InvalidMeterError: naming every fault of every meter.
    """
    _check(meters)
    newest = _newest(standing)
    return [_next(meter, newest.get(_identity(meter)), now, effective_from) for meter in meters]


def _next(
    meter: Meter, standing: MeterDefinition | None, now: datetime, effective_from: datetime | None
) -> AppliedMeter:
    asked = effective_from or meter.effective_from
    if standing is not None and _compared(standing) == _compared(meter):
        differs = asked is not None and epoch_ms(asked) != standing.effective_from_ms
        return AppliedMeter(standing, "unchanged", asked if differs else None)
    history = (
        {"meter_version": 1}
        if standing is None
        else {
            "meter_version": standing.meter_version + 1,
            "created_at": standing.created_at,
            "created_by": standing.created_by,
        }
    )
    start = asked or (EPOCH if standing is None else now)
    return AppliedMeter(
        definition(meter.model_copy(update={**history, "updated_at": now, "effective_from": start})),
        "published",
    )


def _check(meters: Sequence[Meter]) -> None:
    faults = [f"meter {meter.id}: {fault}" for meter in meters for fault in _faults(meter)]
    identities = [_identity(meter) for meter in meters]
    repeated = {each for each in identities if identities.count(each) > 1}
    faults += [
        f"meter {each[-1]}: given more than once: apply one version at a time" for each in sorted(repeated)
    ]
    if faults:
        raise InvalidMeterError(faults)


def _faults(meter: Meter) -> tuple[str, ...]:
    try:
        validate(meter)
    except InvalidMeterError as error:
        return error.faults
    return ()


def _newest(standing: Iterable[MeterDefinition]) -> dict[_Identity, MeterDefinition]:
    newest: dict[_Identity, MeterDefinition] = {}
    for each in sorted(standing, key=lambda version: version.meter_version):
        newest[_identity(each)] = each
    return newest


def _identity(meter: Meter) -> _Identity:
    return meter.tenant_id, meter.environment_id, meter.id


def _compared(meter: Meter) -> dict[str, object]:
    return meter.model_dump(exclude=_NOT_COMPARED)
