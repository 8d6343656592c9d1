"""Export the schemas as JSON Schema: `python -m schemas.export` writes schemas/json/."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from schemas.dead_letters import DeadLetter
from schemas.definitions import CompleteMeter, MeterDefinition
from schemas.events import UsageEvent
from schemas.rollups import ChunkAccounting, DistinctValue, Rollup
from schemas.sessions import Session, SessionBoundary

DIRECTORY: Final = Path(__file__).parent / "json"

_EXPORTED: Final[dict[str, type[BaseModel]]] = {
    "ChunkAccounting": ChunkAccounting,
    "DeadLetter": DeadLetter,
    "DistinctValue": DistinctValue,
    "Meter": CompleteMeter,
    "MeterDefinition": MeterDefinition,
    "Rollup": Rollup,
    "Session": Session,
    "SessionBoundary": SessionBoundary,
    "UsageEvent": UsageEvent,
}


def json_schemas() -> Iterator[tuple[str, str]]:
    """Each file's name and text; the same models always give the same text."""
    for name, model in _EXPORTED.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        yield f"{name}.json", json.dumps(schema, indent=2, sort_keys=True) + "\n"


def export(directory: Path) -> None:
    """Write every schema into a directory, which is made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in json_schemas():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    export(DIRECTORY)
