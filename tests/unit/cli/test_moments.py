"""Moments as people write them: a missing zone is UTC in data and refused where it could mislead."""

import pytest

from cli.errors import MomentError
from cli.moments import utc_ms, zoned_moment

MOMENT_MS = 1_700_158_546_680


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-16 18:15:46.6805900",
        "2023-11-16T18:15:46.680",
        "2023-11-16T18:15:46.68Z",
        "2023-11-16t18:15:46.680999z",
        "2023-11-16 19:15:46.680+01:00",
        "1700158546680",
    ],
)
def test_every_form_is_the_same_moment_and_digits_beyond_milliseconds_are_cut(text: str) -> None:
    assert utc_ms(text) == MOMENT_MS


@pytest.mark.parametrize(
    ("text", "moment"), [("2023-11-16 18:15", 1_700_158_500_000), ("2023-11-16", 1_700_092_800_000)]
)
def test_seconds_and_time_may_be_left_out(text: str, moment: int) -> None:
    assert utc_ms(text) == moment


@pytest.mark.parametrize(
    "text", ["", "now", "16.11.2023", "2023-11-31", "2023-11-16 25:00", "1.5", "2023-11-16 18"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(MomentError, match="is not a moment"):
        utc_ms(text)


def test_a_zoned_moment_is_read() -> None:
    assert zoned_moment("2026-01-31T12:00:00+01:00").isoformat() == "2026-01-31T11:00:00+00:00"


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "2026-01-31", "1700158546680"])
def test_a_moment_without_a_zone_is_refused_where_one_is_needed(text: str) -> None:
    with pytest.raises(MomentError, match="write it as 2026-01-31T12:00:00Z"):
        zoned_moment(text)
