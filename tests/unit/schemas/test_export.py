"""The JSON Schemas in the repository are those of the models."""

import json

import pytest

from schemas.export import DIRECTORY, json_schemas

FRESH = dict(json_schemas())


@pytest.mark.parametrize("name", FRESH)
def test_an_exported_schema_is_current(name: str) -> None:
    exported = (DIRECTORY / name).read_text(encoding="utf-8")
    assert exported == FRESH[name], "the models changed: run `make schemas`"


def test_nothing_else_stands_beside_the_exported_schemas() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == set(FRESH)


def test_the_export_is_the_same_every_time() -> None:
    assert dict(json_schemas()) == FRESH


def test_a_meter_file_and_a_definition_differ_in_what_they_require() -> None:
    meter, definition = (json.loads(FRESH[name]) for name in ("Meter.json", "MeterDefinition.json"))
    assert set(meter["required"]) == {"id", "event_name", "name", "aggregation"}
    assert set(definition["required"]) == set(meter["required"]) | {"effective_from"}


def test_the_schema_of_an_event_knows_both_names_of_properties() -> None:
    assert {"properties", "metadata"} <= set(json.loads(FRESH["UsageEvent.json"])["properties"])
