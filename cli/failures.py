"""Which exceptions are a message for whoever typed the command, and which are faults of this program."""

from collections.abc import Sequence
from typing import Any, Final

from cli.extras import extra_that_brings, missing_extras

_ERROR_MODULES: Final = frozenset(
    f"{package}.errors" for package in ("cli", "deploy", "producers", "schemas", "sinks", "stream")
)


def failure_message(error: Exception, words: Sequence[str]) -> str | None:
    """What to say about an error; None: it is not expected and its traceback is worth seeing.

    Told by the module an error's class comes from, so that no package is imported to ask.
    """
    if isinstance(error, ModuleNotFoundError):
        extra = extra_that_brings(error.name)
        return None if extra is None else str(missing_extras(_command(words), [extra]))
    if any(base.__module__ in _ERROR_MODULES for base in type(error).__mro__):
        return str(error)
    if type(error).__module__.startswith("pydantic") and type(error).__name__ == "ValidationError":
        return _settings_faults(error)
    return None


def _command(words: Sequence[str]) -> str:
    name = next((word for word in words if not word.startswith("-")), "")
    return f"meterstream {name}".strip()


def _settings_faults(error: Any) -> str | None:  # noqa: ANN401 - pydantic may not be importable here
    if not error.title.endswith("Settings"):
        return None
    faults = (
        f"METERSTREAM_{'_'.join(map(str, each['loc']))}".upper() + f": {each['msg']}"
        for each in error.errors()
    )
    return "\n".join(faults)
