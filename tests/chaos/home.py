"""The files of a run, by which its processes know of each other."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """Where a run keeps what it has."""

    path: Path

    @property
    def plan(self) -> Path:
        """What is published."""
        return self.path / "plan.json"

    @property
    def servers(self) -> Path:
        """Kafka's bootstrap servers."""
        return self.path / "servers"

    @property
    def progress(self) -> Path:
        """How many of the first events are acknowledged."""
        return self.path / "progress"

    @property
    def meters_changed(self) -> Path:
        """Is there once the changed meter is published and announced."""
        return self.path / "meters-changed"

    @property
    def logs(self) -> Path:
        """What each process said."""
        return self.path / "logs"

    def acknowledged(self) -> int:
        """How many of the first events are acknowledged, as far as was noted."""
        return int(self.progress.read_text()) if self.progress.exists() else 0
