"""Where a running stack is reached: the file `endpoints.json` of its state directory."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.errors import NotRunningError
from deploy.local.atomic import write_atomically
from deploy.local.statedir import StateDir, is_claimed
from deploy.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of a stack and the pid of every part that this stack runs itself."""

    kafka_bootstrap_servers: str
    clickhouse_url: str
    pids: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, state_dir: Path) -> "Endpoints":
        """The endpoints of the stack that is up in `state_dir`.

        Raises:
            NotRunningError: none is up there, or it is not ready yet.
        """
        state = StateDir(state_dir)
        # A stack that was killed leaves the file behind, but not its claim.
        if not is_claimed(state):
            raise NotRunningError(f"no stack is up in {state_dir}: start one with `meterstream up`")
        try:
            return cls(**json.loads(state.endpoints.read_text()))
        except FileNotFoundError:
            raise NotRunningError(
                f"the stack in {state_dir} is not ready yet: try again once it says that it is up"
            ) from None

    def save(self, state_dir: Path) -> None:
        """Replace the file, so that it is whole whenever it exists."""
        write_atomically(StateDir(state_dir).endpoints, json.dumps(asdict(self), indent=1) + "\n")


def kafka_of(settings: LocalSettings) -> str:
    """The Kafka of the settings if they name one, else that of the stack in their state directory.

    Raises:
        NotRunningError: neither is there.
    """
    return settings.kafka_bootstrap_servers or Endpoints.load(settings.state_dir).kafka_bootstrap_servers


def clickhouse_of(settings: LocalSettings) -> str:
    """The ClickHouse URL of the settings if they name one, else that of the stack in their state directory.

    Raises:
        NotRunningError: neither is there.
    """
    return settings.clickhouse_url or Endpoints.load(settings.state_dir).clickhouse_url
