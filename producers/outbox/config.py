"""Which file an outbox is, and how it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
        """Fill in the settings."""
        settings = current_settings()
        path = settings.outbox_path if self.path is None else Path(self.path)
        return Resolved(
            path.expanduser().absolute(),
            self.synchronous or settings.outbox_synchronous,
            self.max_bytes or settings.outbox_max_bytes,
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """A QueueConfig without gaps: an absolute path, whether put waits for the disk, a bound in bytes."""

    path: Path
    synchronous: Synchronous
    max_bytes: int | None


queue_configuration = QueueConfig()
"""The outbox of this process's settings."""
