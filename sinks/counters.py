"""What the sink has done since it started, said in one log line now and then."""

import logging
from dataclasses import asdict, dataclass
from typing import Final

_EVERY_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """Numbers of records, but for `rereads`: how often a partition was read again from its log's start."""

    read: int = 0
    stored: int = 0
    lost: int = 0
    rereads: int = 0
    dead_letters: int = 0
    deleted_definitions: int = 0
    unstorable_dead_letters: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={number}" for name, number in asdict(self).items())


class CountersLog:
    """Logs counters that have changed, a line a minute at most."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._said = str(counters)
        self._at = 0.0

    def tick(self, now: float) -> None:
        """Say them where it is time; `now` is in seconds of any clock."""
        if now - self._at >= _EVERY_SECONDS:
            self._at = now
            self.say()

    def say(self) -> None:
        """Say them where they have changed."""
        if (text := str(self._counters)) != self._said:
            self._said = text
            log.info("counters: %s", text)
