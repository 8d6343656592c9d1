"""The Faust app that pairs the boundaries of AI sessions and counts completed sessions into windows.

`stream.sessions.app` is the app of `faust -A stream.sessions worker`, made when it is first asked for:
importing the package opens nothing. It is an app of its own, so that counting never waits for its table.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stream.sessions.worker import app

    return app
