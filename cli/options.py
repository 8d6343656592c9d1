"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StateDir = Annotated[
    Path,
    typer.Option(
        envvar="METERSTREAM_STATE_DIR", metavar="DIR", help="Where `meterstream up` keeps what it has."
    ),
]
DEFAULT_STATE_DIR = Path(".meterstream")
