"""Numbers are exact: what is not, is refused with its reason."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from stream.core.numbers import (
    InexactNumberError,
    exact_number,
    plain_text,
    property_text,
    scaled,
    scaled_text,
)
from stream.core.rejections import Reason, RejectedError

LARGEST = 10**15
_DECIMALS = st.decimals(min_value=-LARGEST, max_value=LARGEST, places=18)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        ("0", 0),
        ("1234", 1234),
        ("-17", -17),
        ("1e3", 1000),
        ("1.50", Decimal("1.5")),
        (Decimal("1.0"), 1),
        (LARGEST, LARGEST),
        (f"-{LARGEST}", -LARGEST),
        ("0.000000000000000001", Decimal(1).scaleb(-18)),
    ],
)
def test_numbers_and_numeric_strings_are_numbers(value: object, number: int | Decimal) -> None:
    assert exact_number(value) == number


@pytest.mark.parametrize(
    "value", [True, False, "", " 1", "1 ", "+1", "01", "1.", ".5", "1_0", "٣", "NaN", "inf", "x"]
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(RejectedError) as refused:
        exact_number(value)
    assert refused.value.reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize(
    "value",
    [
        LARGEST + 1,
        -LARGEST - 1,
        10**24,
        "1234567890123456789012345",
        Decimal("1E+400"),
        Decimal("1E-400"),
        "1000000000000000.000000000000000001",
        "0.0000000000000000001",
    ],
)
def test_a_number_too_large_or_too_fine_is_out_of_bounds(value: object) -> None:
    with pytest.raises(RejectedError) as refused:
        exact_number(value)
    assert refused.value.reason is Reason.NUMBER_OUT_OF_BOUNDS


def test_a_float_is_sent_back_for_its_text() -> None:
    with pytest.raises(InexactNumberError):
        exact_number(0.1)
    with pytest.raises(InexactNumberError):
        property_text(0.1)


@given(
    text=st.one_of(
        st.text(max_size=6), st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[0-9])?", fullmatch=True)
    )
)
def test_a_string_is_a_number_here_when_it_is_one_in_the_schemas(text: str) -> None:
    try:
        expected: object = schemas.parse_number(text)
    except schemas.NotANumberError:
        expected = Reason.NOT_A_NUMBER
    except schemas.NumberOutOfBoundsError:
        expected = Reason.NUMBER_OUT_OF_BOUNDS
    try:
        number: object = exact_number(text)
    except RejectedError as refused:
        number = refused.reason
    assert number == expected


@given(numbers=st.lists(_DECIMALS, max_size=20))
def test_scaled_sums_are_exact(numbers: list[Decimal]) -> None:
    total = sum(scaled(number) for number in numbers)

    assert Fraction(total, 10**18) == sum(map(Fraction, numbers))
    assert Fraction(scaled_text(total)) == Fraction(total, 10**18)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("As Is ", "As Is "),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (Decimal("1.0"), "1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.50"), "0.5"),
        (Decimal("-0.0"), "0"),
        (Decimal("1E-7"), "0.0000001"),
    ],
)
def test_a_property_compares_by_its_plain_text(value: object, text: str) -> None:
    assert property_text(value) == text


def test_plain_text_of_scaled_totals_has_no_exponent() -> None:
    assert scaled_text(-15 * 10**17) == "-1.5"
    assert scaled_text(1) == "0.000000000000000001"
    assert scaled_text(262_144 * LARGEST * 10**18) == str(262_144 * LARGEST)
    assert plain_text(Decimal("1E+2")) == "100"
