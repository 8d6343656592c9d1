"""What was counted against what was published. Nothing here does I/O."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from cli.demo.scenario import Counted, Window

_SHOWN: Final = 10


def counted(rows: Iterable[Mapping[str, Any]]) -> dict[Window, Counted]:
    """The rows of the rollups' query as windows."""
    return {
        Window(row["tenant_id"], row["meter_id"], _epoch_second(row["window_start"])): Counted(
            Decimal(row["sum"]), int(row["event_count"])
        )
        for row in rows
    }


def differences(published: Mapping[Window, Counted], found: Mapping[Window, Counted]) -> list[str]:
    """What is missing, too much or otherwise not equal, a line a window; empty: every total is exact."""
    return [
        _difference(window, published.get(window), found.get(window))
        for window in sorted(published.keys() | found.keys())
        if published.get(window) != found.get(window)
    ]


def shortened(lines: list[str]) -> str:
    """The first lines, and how many there are."""
    more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:_SHOWN], *more])


def totals(windows: Mapping[Window, Counted]) -> dict[str, Counted]:
    """What each meter adds up to."""
    added: dict[str, Counted] = {}
    for window, each in sorted(windows.items()):
        before = added.get(window.meter_id, Counted(Decimal(0), 0))
        added[window.meter_id] = Counted(before.total + each.total, before.events + each.events)
    return added


def _difference(window: Window, published: Counted | None, found: Counted | None) -> str:
    where = (
        f"{window.meter_id} of {window.tenant_id} at {datetime.fromtimestamp(window.start, UTC):%H:%M} UTC"
    )
    return f"{where}: published {_said(published)}, counted {_said(found)}"


def _said(counted: Counted | None) -> str:
    return "nothing" if counted is None else f"{counted.total.normalize():f} in {counted.events} events"


def _epoch_second(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
