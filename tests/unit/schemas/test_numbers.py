"""Numbers: exact from their text, bounded, and written in one way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import NotANumberError, NumberOutOfBoundsError, parse_number, plain_text

HELD = st.decimals(-(10**15), 10**15, allow_nan=False, allow_infinity=False, places=18)


@given(HELD)
def test_a_number_survives_its_plain_text_exactly(number: Decimal) -> None:
    read = parse_number(plain_text(number))
    assert read == number
    assert plain_text(read) == plain_text(number)
    assert isinstance(read, int) == (number == int(number))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.5E-2", Decimal("0.015")),
        ("-12.50", Decimal("-12.5")),
        ("12345678901234.123456789012345678", Decimal("12345678901234.123456789012345678")),
        ("1000000000000000", 10**15),
        ("-1e15", -(10**15)),
        ("0.000000000000000001", Decimal("1e-18")),
        ("1.50000000000000000000000", Decimal("1.5")),
        ("0e999999999", 0),
    ],
)
def test_a_json_number_is_read_exactly_and_whole_ones_as_int(text: str, number: int | Decimal) -> None:
    read = parse_number(text)
    assert read == number
    assert type(read) is type(number)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", "01", ".5", "5.", "1_000", "0x10", "NaN", "Infinity", "true", "1,5", "１"],  # noqa: RUF001 - a full-width digit is the case
)
def test_a_text_that_json_would_not_read_is_no_number(text: str) -> None:
    with pytest.raises(NotANumberError, match="is not a number"):
        parse_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "1000000000000000.000000000000000001",
        "1000000000000001",
        "-1000000000000001",
        "1234567890123456789012345",
        "0.0000000000000000001",
        "1e-19",
        "1e999999999",
        "1e-999999999",
        "1e99999999999999999999",
        "9" * 5000,
    ],
)
def test_a_number_rows_cannot_hold_is_out_of_bounds(text: str) -> None:
    with pytest.raises(NumberOutOfBoundsError, match="out of bounds"):
        parse_number(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("1.0"), "1"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.0"), "0"),
        (Decimal(100), "100"),
        (12, "12"),
    ],
)
def test_a_number_is_written_without_exponent_and_trailing_zeros(number: int | Decimal, text: str) -> None:
    assert plain_text(number) == text
