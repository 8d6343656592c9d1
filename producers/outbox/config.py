"""Which file an outbox is, and how it is written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from producers.errors import OutboxError
from producers.settings import current_settings

Synchronous = Literal["full", "normal"]


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """An outbox; None is what METERSTREAM_OUTBOX_PATH, _SYNCHRONOUS and _MAX_BYTES say when it is first used.

    The processes that share a file give it the same settings.
    """

    path: Path | str | None = None
    synchronous: Synchronous | None = None
    max_bytes: int | None = None

    def resolved(self) -> "Resolved":
        """Fill in the settings; raises OutboxError where none says which file it is."""
        settings = current_settings()
        path = self.path or settings.outbox_path or default_path(os.environ)
        return Resolved(
            Path(path).absolute(),
            self.synchronous or settings.outbox_synchronous,
            self.max_bytes or settings.outbox_max_bytes,
        )


def default_path(environment: Mapping[str, str]) -> Path:
    """Where programs of this user keep what must outlive them, by the XDG rules.

    Raises:
        OutboxError: the environment does not say.
    """
    state, home = environment.get("XDG_STATE_HOME"), environment.get("HOME")
    if not state and not home:
        raise OutboxError("there is no HOME to keep the outbox in: set METERSTREAM_OUTBOX_PATH to a file")
    directory = Path(state) if state else Path(home or "") / ".local" / "state"
    return directory / "meterstream" / "outbox.sqlite3"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A QueueConfig without gaps: an absolute path, whether put waits for the disk, a bound in bytes."""

    path: Path
    synchronous: Synchronous
    max_bytes: int | None


queue_configuration = QueueConfig()
"""The outbox of this process's settings."""
