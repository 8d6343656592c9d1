"""Files of meters, in JSON or YAML, read so that a filter's value stays what was written."""

import json
import re
from collections.abc import Hashable
from typing import Any, Final, Never

import yaml

from cli.errors import MeterFileError

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = (
    ("null", re.compile(r"(?:~|null|)", re.ASCII), ["~", "n", ""]),
    ("bool", re.compile(r"(?:true|false)", re.ASCII), ["t", "f"]),
    ("int", re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII), list("-0123456789")),
    (
        "float",
        re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII),
        list("-0123456789"),
    ),
)


class _JsonLikeLoader(yaml.SafeLoader):
    """YAML whose plain scalars are JSON's: 010, 12:30, yes and 2026-01-31 are texts.

    By YAML 1.1 they would be 8, 750, true and a date, which no event's property is equal to.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's own name

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise MeterFileError(f"line {mark.line + 1}: the key {key!r} stands twice: keep one")
        return super().construct_mapping(node, deep=deep)


for _name, _pattern, _first in _SCALARS:
    _JsonLikeLoader.add_implicit_resolver(
        f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern.pattern})$", re.ASCII), _first
    )


def read_document(text: str, name: str) -> Any:  # noqa: ANN401 - whatever the document holds
    """Read a JSON or YAML document; `name` is its file's, for errors and for what it is meant to be.

    Raises:
        MeterFileError: it is neither, or a key stands twice in one mapping.
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        if name.lower().endswith(".json"):
            raise MeterFileError(f"{name} is not JSON: {error}") from error
    except MeterFileError as error:
        raise MeterFileError(f"{name}: {error}") from error
    try:
        return yaml.load(text, _JsonLikeLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise MeterFileError(f"{name} is neither JSON nor YAML: {error}") from error
    except MeterFileError as error:
        raise MeterFileError(f"{name}: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise MeterFileError(f"the key {repeated[0]!r} stands twice: keep one")
    return dict(pairs)


def _refuse(constant: str) -> Never:
    raise MeterFileError(f"{constant} is not JSON: write a number or a text")
