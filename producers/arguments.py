"""What callers of the post functions hand in, checked: a mistake is an error that says what to do."""

import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from producers.destinations import is_web_address
from producers.wire_forms import SESSION_ID
from schemas import EARLIEST_TIMESTAMP_MS, MAX_ABSOLUTE, MAX_DECIMALS, MAX_ID_BYTES, TOTAL_USAGE

_SHOWN: Final = 80
_SCALARS: Final = (str, int, float, Decimal)
_LATEST_TIMESTAMP_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: microseconds and nanoseconds lie beyond it."""


def text(name: str, value: object) -> str:
    """Give back a text that is not blank.

    Raises:
        TypeError: not a str; a one-element tuple is what a trailing comma after the value makes.
        ValueError: blank, or not valid Unicode.
    """
    if isinstance(value, tuple):
        raise TypeError(f"{name} is a tuple: remove the comma after the value")
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{name} is empty: give it a value")
    if not _is_unicode(value):
        raise ValueError(f"{name} holds a lone surrogate, which UTF-8 cannot write")
    return value


def identifier(name: str, value: object) -> str:
    """Give back an id: a text of at most 512 bytes in UTF-8; errors as `text`."""
    checked = text(name, value)
    length = len(checked.encode())
    if length > MAX_ID_BYTES:
        raise ValueError(f"{name} is {length} bytes long: use at most {MAX_ID_BYTES} bytes of UTF-8")
    return checked


def header_value(name: str, value: str) -> str:
    """Give back a text that can stand in an HTTP header.

    Raises:
        ValueError: control characters, or blanks at an end.
    """
    if not value.isprintable() or value != value.strip():
        raise ValueError(
            f"{name} {value!r} goes into an HTTP header: remove control characters and outer blanks"
        )
    return value


def portal(value: object) -> str | None:
    """Give back the portal's URL without a slash at its end; None where there is none."""
    if value is None:
        return None
    url = text("portal_url", value).strip().rstrip("/")
    if not is_web_address(url):
        raise ValueError(f"portal_url {value!r} must begin with http:// or https:// and name a host")
    return url


def secret(value: object) -> str | None:
    """Give back the API key; None where there is none. Errors never show it."""
    if value is None:
        return None
    key = text("api_key", value).strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("api_key holds characters that no HTTP header can carry: copy the key again")
    return key


def milliseconds(name: str, value: object) -> int:
    """Give back a moment in epoch milliseconds, from the year 2000 on.

    Raises:
        TypeError: not an int; a float is mostly a time in seconds.
        ValueError: before 2000, mostly seconds; or beyond the year 9999, mostly microseconds.
    """
    if isinstance(value, tuple):
        raise TypeError(f"{name} is a tuple: remove the comma after the value")
    if isinstance(value, float):
        raise TypeError(
            f"{name} {value!r} is a float: give whole milliseconds, such as int(time.time() * 1000)"
        )
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int of epoch milliseconds, not {type(value).__name__}: {value!r}")
    if value < EARLIEST_TIMESTAMP_MS:
        raise ValueError(f"{name} {value} lies before the year 2000: give milliseconds, not seconds")
    if value > _LATEST_TIMESTAMP_MS:
        raise ValueError(f"{name} {value} lies beyond the year 9999: give milliseconds, not microseconds")
    return value


def usage(value: object) -> int | float | Decimal:
    """Give back a number that can be counted exactly; a float counts as the decimal it prints as.

    Raises:
        TypeError: not an int, float or Decimal; neither a bool nor a numeric text is a number here.
        ValueError: NaN or infinite, beyond 10^15 or with more than 18 decimals.
    """
    number = _number(value)
    written = str(value)[:_SHOWN]
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not exact.is_finite():
        raise ValueError(f"total_usage is {value}: give a finite number")
    if exact and (exact.adjusted() > MAX_DECIMALS or abs(exact) > MAX_ABSOLUTE):
        raise ValueError(f"total_usage {written} is out of bounds: use at most {MAX_ABSOLUTE} either way")
    if _decimals(exact) > MAX_DECIMALS:
        raise ValueError(f"total_usage {written} has more than {MAX_DECIMALS} decimals: round it")
    return number


def metadata(value: object) -> dict[str, str]:
    """Give back metadata as texts: numbers and booleans as `str` writes them, as meter-lib does.

    Raises:
        TypeError: not a mapping of str to texts, numbers or booleans.
        ValueError: the key total_usage, or a text that is not valid Unicode.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"metadata must be a dict of str to str, not {type(value).__name__}: {value!r}")
    return {_metadata_key(key): _metadata_value(key, entry) for key, entry in value.items()}


def session_metadata(value: object) -> dict[str, str]:
    """Give back metadata whose session_id, if any, is an id; errors as `metadata` and `identifier`."""
    texts = metadata(value)
    if SESSION_ID in texts:
        identifier(f"metadata[{SESSION_ID!r}]", texts[SESSION_ID])
    return texts


def _number(value: object) -> int | float | Decimal:
    if isinstance(value, tuple):
        raise TypeError("total_usage is a tuple: remove the comma after the value")
    if isinstance(value, float | Decimal):
        return value
    try:
        if not isinstance(value, bool):
            return operator.index(value)  # type: ignore[arg-type] # int, and the integers of numpy
    except TypeError:
        pass
    raise TypeError(f"total_usage must be a number, not {type(value).__name__}: {value!r}")


def _decimals(number: Decimal) -> int:
    """Count digits after the point, trailing zeros not among them."""
    _, digits, exponent = number.as_tuple()
    if not number or not isinstance(exponent, int):
        return 0
    written = "".join(map(str, digits))
    return max(0, -exponent - (len(written) - len(written.rstrip("0"))))


def _metadata_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"metadata has the key {key!r}, a {type(key).__name__}: use str keys")
    if key == TOTAL_USAGE:
        raise ValueError(f"metadata has the key {TOTAL_USAGE}, which is the usage itself: rename it")
    if not _is_unicode(key):
        raise ValueError(f"metadata has the key {key!r} with a lone surrogate, which UTF-8 cannot write")
    return key


def _metadata_value(key: object, value: object) -> str:
    if not isinstance(value, _SCALARS):
        raise TypeError(f"metadata[{key!r}] must be a str, not {type(value).__name__}: {value!r}")
    written = str(value)
    if not _is_unicode(written):
        raise ValueError(f"metadata[{key!r}] holds a lone surrogate, which UTF-8 cannot write")
    return written


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
