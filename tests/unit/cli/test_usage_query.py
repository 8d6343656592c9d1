"""The query of `usage`: only what was asked, and never a user's text in the SQL."""

import pytest

from cli.usage_query import Asked, query


def test_without_conditions_everything_is_asked_for() -> None:
    sql, parameters = query(Asked(limit=5))
    assert "WHERE" not in sql
    assert parameters == {"limit": 6}


def test_each_condition_is_a_parameter() -> None:
    sql, parameters = query(Asked("t' OR 1", "m", "c", 0, 1, 1))
    assert parameters == {
        "tenant": "t' OR 1",
        "meter": "m",
        "customer": "c",
        "from_second": 0,
        "to_second": 1,
        "limit": 2,
    }
    assert "OR 1" not in sql
    assert sql.count(" AND ") == 4


@pytest.mark.parametrize(("ms", "second"), [(1_000, 1), (1_001, 2), (-5, 0), (10**15, 2**32 - 1)])
def test_a_moment_divides_windows_at_the_next_whole_second(ms: int, second: int) -> None:
    assert query(Asked(from_ms=ms))[1]["from_second"] == second
