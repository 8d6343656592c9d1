"""Moments: milliseconds inside, and what is read as such."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import EPOCH, InvalidTimestampError, epoch_ms, utc_moment

ZONES = st.integers(-23 * 60, 23 * 60)
SECONDS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)).map(  # noqa: DTZ001 - zones are added below
    lambda moment: moment.replace(microsecond=0)
)


@given(SECONDS, ZONES, st.text("0123456789", min_size=1, max_size=12))
def test_digits_beyond_milliseconds_are_cut_never_rounded(whole: datetime, zone: int, digits: str) -> None:
    sign, offset = "-" if zone < 0 else "+", f"{abs(zone) // 60:02}:{abs(zone) % 60:02}"
    in_utc = whole.replace(tzinfo=UTC) - timedelta(minutes=zone)
    milliseconds = int(digits[:3].ljust(3, "0"))
    expected = (in_utc - EPOCH) // timedelta(milliseconds=1) + milliseconds
    assert epoch_ms(f"{whole:%Y-%m-%d}".zfill(10) + f"T{whole:%H:%M:%S}.{digits}{sign}{offset}") == expected


@given(st.integers())
def test_whole_milliseconds_are_kept_however_large(milliseconds: int) -> None:
    assert epoch_ms(milliseconds) == milliseconds


@given(st.integers(0, 4_102_444_800_000))
def test_a_moment_to_the_millisecond_survives_its_text(milliseconds: int) -> None:
    assert epoch_ms(utc_moment(milliseconds).isoformat()) == milliseconds


@pytest.mark.parametrize(
    "moment",
    [
        1_767_182_400_999,
        1_767_182_400_999.9,
        Decimal("1767182400999.999"),
        "2025-12-31T12:00:00.9999Z",
        "2025-12-31t12:00:00.9999z",
        "2025-12-31 13:00:00.999+01:00",
        datetime(2025, 12, 31, 12, 0, 0, 999_999, tzinfo=UTC),
    ],
)
def test_the_accepted_forms_of_one_moment(moment: object) -> None:
    assert epoch_ms(moment) == 1_767_182_400_999
    assert utc_moment(moment) == datetime(2025, 12, 31, 12, 0, 0, 999_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        True,
        None,
        "",
        "1767182400999",
        "2025-12-31",
        "2025-12-31T12:00:00",
        "2025-12-31T12:00:00.Z",
        "2025-02-30T12:00:00Z",
        "2025-12-31T24:00:01Z",
        "2025-12-31T12:00:00+25:00",
        "2025-12-31T12:00:00Z\n",
        "２０２５-12-31T12:00:00Z",  # noqa: RUF001 - full-width digits are the case
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        date(2025, 12, 31),
        datetime(2025, 12, 31),  # noqa: DTZ001 - the case is a missing zone
    ],
)
def test_what_is_no_moment_is_refused_with_the_accepted_forms(moment: object) -> None:
    with pytest.raises(InvalidTimestampError, match="give epoch milliseconds or RFC 3339 with a zone"):
        epoch_ms(moment)


def test_a_moment_beyond_the_calendar_has_milliseconds_but_no_datetime() -> None:
    year_30000 = 884_541_340_800_000
    assert epoch_ms(year_30000) == year_30000
    with pytest.raises(InvalidTimestampError, match="outside the years 1 to 9999"):
        utc_moment(year_30000)
