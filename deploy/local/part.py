"""A part of the stack: one process, and how one sees that it is ready."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.process import Command

Check = Callable[[], bool]
"""Whether the part is ready; answers within about a second and never raises."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the supervisor runs.

    `watch` is called just before each start and gives the check for that run: what a run before it left
    behind can so be told from what this one does.
    """

    name: str
    command: Command
    watch: Callable[[], Check]
