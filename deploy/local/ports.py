"""Ports for the embedded servers: those given, else those of the last run, else free ones."""

import errno
import json
import random
import socket
from collections.abc import Callable, Container
from pathlib import Path
from typing import Final

from deploy.errors import PortError
from deploy.local.atomic import write_atomically

HOST: Final = "127.0.0.1"

# Below the range from which the system picks the near end of outgoing connections (32768 on Linux, 49152 on
# macOS). In that range a client that retries a server which is down sooner or later connects to itself, and
# the server cannot come back to its port.
_CANDIDATES: Final = range(20_000, 30_000)


def assign_ports(path: Path, given: dict[str, int | None]) -> dict[str, int]:
    """A port for every name in `given`; remembered in `path`, so a restart keeps them where they are free.

    Raises:
        PortError: a given port is taken.
    """
    remembered = _read(path)
    ports: dict[str, int] = {}
    for name, port in given.items():
        # A port of another part counts as taken, though that part may not listen yet.
        others = {used for other, used in (remembered | ports).items() if other != name}
        ports[name] = choose_port(name, port, remembered.get(name), others, is_free)
    write_atomically(path, json.dumps(remembered | ports, indent=1))
    return ports


def choose_port(
    name: str,
    given: int | None,
    remembered: int | None,
    taken: Container[int],
    free: Callable[[int], bool],
) -> int:
    """The given port, else the remembered one if it is free, else a free one that is not in `taken`.

    Raises:
        PortError: the given port is not free, or none is.
    """
    if given is not None:
        if not free(given):
            raise PortError(
                f"port {given} for {name} is taken on {HOST}: stop what listens there or give another"
            )
        return given
    if remembered is not None and remembered not in taken and free(remembered):
        return remembered
    for port in random.sample(_CANDIDATES, len(_CANDIDATES)):
        if port not in taken and free(port):
            return port
    raise PortError(f"no port of {_CANDIDATES.start} to {_CANDIDATES.stop - 1} is free on {HOST} for {name}")


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As servers do it: connections of a server that just ended linger, and do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _read(path: Path) -> dict[str, int]:
    try:
        ports = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return ports if isinstance(ports, dict) else {}
