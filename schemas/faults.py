"""Faults in people's words: where in the document, what is wrong, what to do."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_SHOWN: Final = 80
_CONSEQUENCE: Final = "default_factory_not_called"
"""A default that depends on a faulty field; the fault itself is named anyway."""


def readable_faults(error: ValidationError, model: type[BaseModel]) -> tuple[str, ...]:
    """One line a fault, such as `filters[0].values: is empty: ...`; `model` is what was validated."""
    faults = (details for details in error.errors(include_url=False) if details["type"] != _CONSEQUENCE)
    return tuple(_line(details, model) for details in faults)


def on_one_line(name: str) -> str:
    """A name as it stands, or escaped where a terminal could not show it on one line."""
    return name if name.isprintable() else repr(name)


def _line(details: ErrorDetails, model: type[BaseModel]) -> str:
    place = _place(details["loc"])
    say = _SAYINGS.get(details["type"])
    if say is not None:
        message = say(details, model)
    elif "error" in details.get("ctx", {}):
        message = str(details["ctx"]["error"])
    else:
        message = f"{_shown(details['input'])} is refused: {details['msg']}"
    return f"{place}: {message}" if place else message


def _place(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{on_one_line(step)}" for step in location)
    return "".join(steps).removeprefix(".")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _unknown_field(details: ErrorDetails, model: type[BaseModel]) -> str:
    *parents, name = details["loc"]
    fields = _fields_at(model, tuple(parents))
    near = get_close_matches(str(name), fields, n=1)
    advice = f"did you mean {near[0]}?" if near else f"the fields here are {', '.join(fields)}"
    return f"is not a known field: {advice}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for step in location:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next(filter(None, found), None)


def _not_one_of(details: ErrorDetails, _model: type[BaseModel]) -> str:
    return f"{_shown(details['input'])} is unknown: use {details['ctx']['expected']}"


def _must_be(what: str) -> Callable[[ErrorDetails, type[BaseModel]], str]:
    return lambda details, _model: f"must be {what}, not {_shown(details['input'])}"


def _plainly(message: str) -> Callable[[ErrorDetails, type[BaseModel]], str]:
    return lambda _details, _model: message


_MAPPING: Final = _must_be("a mapping of field names to values")
_SAYINGS: Final[Mapping[str, Callable[[ErrorDetails, type[BaseModel]], str]]] = {
    "missing": _plainly("is missing: give it a value"),
    "extra_forbidden": _unknown_field,
    "enum": _not_one_of,
    "string_type": _must_be("text (in quotes)"),
    "int_type": _must_be("a whole number"),
    "int_from_float": _must_be("a whole number"),
    "int_parsing": _must_be("a whole number"),
    "greater_than_equal": _plainly("is too small: it counts from 1"),
    "tuple_type": _must_be("a list"),
    "list_type": _must_be("a list"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "invalid_key": _must_be("a field name (text)"),
}
