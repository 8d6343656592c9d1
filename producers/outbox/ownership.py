"""Who works on a job: a process that holds a lock on a file, which the kernel releases when it dies.

So jobs of a dead process are told from those of a slow one at once and for certain, without a time to wait.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OWNER_BYTES: Final = 8
_MODE: Final = 0o666  # as SQLite makes its own files: what the umask leaves of it


class Ownership:
    """This process as the owner of jobs of one outbox; a forked child is an owner of its own."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._held: tuple[str, int] | None = None

    @property
    def owner(self) -> str:
        """This process's name among owners, locked from now on."""
        if self._held is None:
            name = secrets.token_hex(_OWNER_BYTES)
            handle = os.open(_lock_file(self._outbox, name), os.O_RDONLY | os.O_CREAT, _MODE)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._held = name, handle
        return self._held[0]

    def is_dead(self, owner: str) -> bool:
        """Whether nobody holds the lock of an owner any more."""
        if self._held is not None and owner == self._held[0]:
            return False
        try:
            handle = os.open(_lock_file(self._outbox, owner), os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def bury(self, owner: str) -> None:
        """Remove the lock file of a dead owner that has no jobs any more."""
        _lock_file(self._outbox, owner).unlink(missing_ok=True)

    def resign(self) -> None:
        """Be no owner any more; jobs still in this process's hands are anybody's from now on."""
        if self._held is not None:
            name, handle = self._held
            self._held = None
            self.bury(name)
            os.close(handle)

    def forget(self) -> None:
        """In a forked child: leave the lock to the parent alone, whose it is."""
        if self._held is not None:
            os.close(self._held[1])
            self._held = None


@contextmanager
def alone(outbox: Path) -> Iterator[None]:
    """Let one process at a time run a block of code, whatever the others die of."""
    handle = os.open(outbox.with_name(f"{outbox.name}.lock"), os.O_RDONLY | os.O_CREAT, _MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _lock_file(outbox: Path, owner: str) -> Path:
    return outbox.with_name(f"{outbox.name}.owner-{owner}")
