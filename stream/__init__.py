"""The Faust app that matches usage events against meters and counts them into windows.

`stream.app` is the app of `faust -A stream worker`, made when it is first asked for: importing the package
opens nothing, and `stream.core` needs no Faust.
"""

from typing import Any


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the app's type would import Faust
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stream.worker import app

    return app
