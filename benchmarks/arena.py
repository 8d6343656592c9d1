"""Where contestants meet: one broker, one core for whoever is measured, one directory for what they leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.cores import Cores
from benchmarks.errors import BenchmarkError
from deploy.local.embedded import embedded_kafka

_BROKER: Final = "kafka.Kafka"


@dataclass(frozen=True, slots=True)
class Arena:
    """A running broker, and room."""

    bootstrap_servers: str
    broker_pid: int
    cores: Cores
    directory: Path


@contextmanager
def opened(directory: Path) -> Iterator[Arena]:
    """An arena for as long as the block runs; this thread stays off the measured core."""
    cores = Cores.of_this_machine()
    with (
        cores.leave_free(),
        embedded_kafka(directory / "stack", heap="512m") as bootstrap_servers,
    ):
        yield Arena(bootstrap_servers, _broker_pid(), cores, directory / "contestants")


def _broker_pid() -> int:
    for child in psutil.Process().children(recursive=True):
        if _BROKER in child.cmdline():
            return child.pid
    raise BenchmarkError("the broker that was just started is not among this process's children")
