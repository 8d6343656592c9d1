"""Files that are whole whenever they exist."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Put `text` in `path` by rename, so that a reader finds the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
