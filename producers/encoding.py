"""JSON with exact numbers: a Decimal is written digit by digit, never through a float."""

from decimal import Decimal
from typing import Final

import orjson

from schemas import plain_text

ONLY_JSON_TYPES: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def to_json(document: object) -> bytes:
    """Write compact JSON in UTF-8.

    Raises:
        TypeError: a value JSON has no form for, an int beyond 64 bits, a text that is not valid Unicode.
    """
    return orjson.dumps(document, exact_number, ONLY_JSON_TYPES)


def exact_number(value: object) -> orjson.Fragment:
    """Write what orjson cannot: a finite Decimal, digit by digit.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(plain_text(value))
    raise TypeError(f"{type(value).__name__} has no form in JSON")
