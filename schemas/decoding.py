"""JSON decoded so that every reader agrees on it: numbers exact, repeated keys and NaN refused."""

import json
from decimal import Decimal
from typing import Any, Never

from schemas.errors import UndecodableError


def decode_exactly(document: bytes | str) -> dict[str, Any]:
    """Decode a JSON object; numbers become int or, with a point or an exponent, Decimal.

    Raises:
        UndecodableError: no JSON object in UTF-8, a repeated key, NaN, Infinity, a number of absurd length.
    """
    try:
        text = document if isinstance(document, str) else document.decode()
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_distinct)
    except UndecodableError:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UndecodableError(f"is not JSON in UTF-8: {error}") from error
    if not isinstance(value, dict):
        raise UndecodableError(f"is not a JSON object but {type(value).__name__}")
    return value


def _refuse(constant: str) -> Never:
    raise UndecodableError(f"holds {constant}, which is not JSON: leave the field out")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise UndecodableError("repeats a key of an object: readers disagree which value holds")
    return fields
