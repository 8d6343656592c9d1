"""Files of meters: JSON and YAML, read so that a filter's value stays what was written."""

from typing import Any

import pytest

from cli.errors import MeterFileError
from cli.meter_documents import read_document
from schemas import InvalidMeterError, parse_meters

METER = """
- id: m
  event_name: used
  name: M
  aggregation: {{type: COUNT}}
  filters:
    - key: k
      values: [{}]
"""


def value_of(scalar: str) -> Any:
    return read_document(f"key: {scalar}\n", "meters.yaml")["key"]


@pytest.mark.parametrize(
    "scalar",
    ["010", "0x1F", "1_000", "12:30", "yes", "NO", "on", "True", "2026-01-31", ".5", "+1", ".inf", "1e"],
)
def test_what_only_yaml_1_1_takes_for_a_number_a_boolean_or_a_date_is_text(scalar: str) -> None:
    assert value_of(scalar) == scalar


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("374", 374),
        ("-1", -1),
        ("0", 0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_of_json_are_what_they_are_in_json(scalar: str, value: object) -> None:
    assert value_of(scalar) == value
    assert type(value_of(scalar)) is type(value)


def test_quotes_make_a_text() -> None:
    assert value_of("'374'") == "374"


@pytest.mark.parametrize("scalar", ["010", "12:30", "yes", "2026-01-31", "16"])
def test_a_filter_compares_as_written(scalar: str) -> None:
    (meter,) = parse_meters(read_document(METER.format(scalar), "meters.yaml"))
    assert meter.filters[0].values == (scalar,)


@pytest.mark.parametrize("scalar", ["1.0", "true"])
def test_a_filter_value_with_several_texts_must_be_quoted(scalar: str) -> None:
    with pytest.raises(InvalidMeterError, match="put it in quotes"):
        parse_meters(read_document(METER.format(scalar), "meters.yaml"))


def test_json_indented_with_tabs_is_read() -> None:
    assert read_document('{\n\t"id":\t"m"\n}', "meters.json") == {"id": "m"}


def test_json_from_standard_input_is_read() -> None:
    assert read_document('[{"id": "m"}]', "standard input") == [{"id": "m"}]


@pytest.mark.parametrize("text", ['{"id": "a", "id": "b"}', "id: a\nid: b\n", "- {id: a, id: b}"])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(MeterFileError, match="the key 'id' stands twice"):
        read_document(text, "meters")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ('{"id": ', "meters.json", "meters.json is not JSON: .*line 1"),
        ("a: [1", "meters.yaml", "meters.yaml is neither JSON nor YAML: .*"),
        ("a: 1\n---\nb: 2\n", "meters.yaml", "expected a single document"),
        ("!!python/object:os.system {}", "meters.yaml", "could not determine a constructor"),
        ('{"window_seconds": NaN}', "meters.json", "NaN is not JSON"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, name: str, said: str) -> None:
    with pytest.raises(MeterFileError, match=f"(?s){said}"):
        read_document(text, name)
