"""Exact numbers: ints and Decimals taken from their text, never through a binary float."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from stream.core.rejections import Reason, RejectedError

MAX_ABSOLUTE: Final = 10**15
MAX_DECIMALS: Final = 18
SCALE: Final = 10**MAX_DECIMALS


class InexactNumberError(Exception):
    """A float stands for a number whose exact text must be taken from the record."""


_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SHORT: Final = 15  # digits that cannot pass MAX_ABSOLUTE
_LONGEST_TEXT: Final = 512


def exact_number(value: object) -> int | Decimal:
    """Return a property's value as a number a meter may aggregate.

    A number is one, and so is a string that would be one in JSON; a boolean is not. At most 1e15 in size, at
    most 18 decimals.

    Raises:
        RejectedError: NOT_A_NUMBER or NUMBER_OUT_OF_BOUNDS.
        InexactNumberError: The value is a float.
    """
    kind = value.__class__
    if kind is str:
        text: str = value  # type: ignore[assignment] # the class was just compared
        if len(text) <= _SHORT and text.isascii() and text.isdecimal() and (text[0] != "0" or text == "0"):
            return int(text)
        number = _parse(text)
    elif kind is int or kind is Decimal:
        number = value  # type: ignore[assignment] # likewise
    elif kind is float:
        raise InexactNumberError
    else:
        raise RejectedError(Reason.NOT_A_NUMBER, f"{value!r} is not a number")
    return _bounded(number)


def _parse(text: str) -> int | Decimal:
    if len(text) > _LONGEST_TEXT or _NUMBER.fullmatch(text) is None:
        raise RejectedError(Reason.NOT_A_NUMBER, f"{text[:64]!r} is not a number")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent no Decimal has
        raise RejectedError(Reason.NUMBER_OUT_OF_BOUNDS, f"{text[:64]!r} is out of all bounds") from None


def _bounded(number: int | Decimal) -> int | Decimal:
    if not -MAX_ABSOLUTE <= number <= MAX_ABSOLUTE:
        raise RejectedError(Reason.NUMBER_OUT_OF_BOUNDS, "the number is larger than 1e15")
    if isinstance(number, int):
        return number
    if decimals(number) > MAX_DECIMALS:
        raise RejectedError(Reason.NUMBER_OUT_OF_BOUNDS, f"the number has more than {MAX_DECIMALS} decimals")
    return int(number) if number == number.to_integral_value() else number


def decimals(number: Decimal) -> int:
    """Return how many decimals are written out once trailing zeros are gone."""
    if not number:
        return 0
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - infinities and NaN never pass the bounds
    trailing = 0
    for digit in reversed(digits):
        if digit:
            break
        trailing += 1
    return max(0, -(exponent + trailing))


def scaled(number: Decimal) -> int:
    """Return a bounded number in units of 1e-18, exactly."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - as above
    whole = int("".join(map(str, digits)))
    shift = MAX_DECIMALS + exponent
    size: int = whole * 10**shift if shift >= 0 else whole // 10**-shift
    return -size if sign else size


def plain_text(number: int | Decimal) -> str:
    """Return the decimal text without exponent or trailing zeros: 1.0 is 1, 1e3 is 1000."""
    if isinstance(number, int):
        return str(number)
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def scaled_text(total: int) -> str:
    """Return units of 1e-18 as plain decimal text."""
    whole, fraction = divmod(abs(total), SCALE)
    text = f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")
    return f"-{text}" if total < 0 else text


def property_text(value: object) -> str:
    """Return the text by which filters compare a property and groups name it.

    Raises:
        InexactNumberError: The value is a float.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        raise InexactNumberError
    if isinstance(value, Decimal) and abs(value.adjusted()) > _LONGEST_TEXT:
        return str(value)  # 1e400000 has no use written out
    return plain_text(value)  # type: ignore[arg-type] # what is left is an int or a Decimal


def json_number(text: str) -> Decimal:
    """Return the number of a JSON text with a fraction or an exponent, exactly.

    An exponent no Decimal has gives a number as far out of all bounds, to be refused where it is used.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("1E-999999") if "e-" in text.lower() else Decimal("1E+999999")
