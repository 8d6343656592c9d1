"""Exact numbers: read from text, bounded so that every row holds them, written without an exponent."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from schemas.errors import NotANumberError, NumberOutOfBoundsError

MAX_ABSOLUTE: Final = 10**15
"""The largest absolute value a meter uses, itself included."""
MAX_DECIMALS: Final = 18
"""Digits after the point that count, trailing zeros not among them: the scale of ClickHouse's columns."""

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SHOWN: Final = 80


def parse_number(text: str) -> int | Decimal:
    """Read a JSON number exactly: an int when it is whole (1.0 is 1), else a Decimal.

    Raises:
        NotANumberError: the text is no JSON number (NaN, Infinity, blanks, hexadecimal, digit separators).
        NumberOutOfBoundsError: beyond MAX_ABSOLUTE, or more than MAX_DECIMALS decimals.
    """
    if _JSON_NUMBER.fullmatch(text) is None:
        raise NotANumberError(f"{text[:_SHOWN]!r} is not a number: write it as JSON does, such as -12.5")
    try:
        return bounded(Decimal(text))
    except InvalidOperation as error:  # the exponent is too large for the decimal module
        raise NumberOutOfBoundsError(_out_of_bounds(text)) from error


def bounded(number: Decimal) -> int | Decimal:
    """Give back a finite number if rows can hold it exactly; an int when it is whole.

    Raises:
        NumberOutOfBoundsError: as `parse_number`.
    """
    if number == 0:
        return 0
    # copy_abs and not abs: arithmetic on Decimals rounds to the context's 28 digits.
    if abs(number.adjusted()) > MAX_DECIMALS or number.copy_abs() > MAX_ABSOLUTE:
        raise NumberOutOfBoundsError(_out_of_bounds(str(number)))
    text = plain_text(number)
    _, _, decimals = text.partition(".")
    if len(decimals) > MAX_DECIMALS:
        raise NumberOutOfBoundsError(_out_of_bounds(text))
    return Decimal(text) if decimals else int(text)


def plain_text(number: int | Decimal) -> str:
    """Write a number exactly, without exponent, trailing zeros or a negative zero: 1.50 is "1.5"."""
    if isinstance(number, int):
        return str(number)
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _out_of_bounds(text: str) -> str:
    return (
        f"{text[:_SHOWN]} is out of bounds: a number's absolute value is at most {MAX_ABSOLUTE} "
        f"and it has at most {MAX_DECIMALS} decimals"
    )
