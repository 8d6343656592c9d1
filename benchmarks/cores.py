"""One core for what is measured, the others for the broker and whoever watches."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """Core numbers; `measured` is None where a process cannot be bound to a core, or there is but one."""

    measured: int | None
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last core this process may use is measured."""
        if not hasattr(os, "sched_setaffinity"):
            return cls(None, frozenset())
        available = os.sched_getaffinity(0)
        if len(available) < 2:
            return cls(None, frozenset(available))
        measured = max(available)
        return cls(measured, frozenset(available - {measured}))

    @contextmanager
    def leave_free(self) -> Iterator[None]:
        """Keep this thread, and every process and thread it starts meanwhile, off the measured core."""
        if self.measured is None:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.others)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def bind(self, pid: int) -> None:
        """Give a process just started, and all threads it will make, the measured core."""
        if self.measured is not None:
            os.sched_setaffinity(pid, {self.measured})
