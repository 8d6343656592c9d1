import pytest

from deploy.local.clickhouse.errors import QueryError, engine_error, http_status


@pytest.mark.parametrize(
    ("text", "code", "name", "shown"),
    [
        (
            "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE) (version 26.9.2.1)",
            60,
            "UNKNOWN_TABLE",
            "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE)",
        ),
        (
            "Code: 115. DB::Exception: Code: 115. DB::Exception: No. (NO_SETTING) (version 2). (NO_SETTING)",
            115,
            "NO_SETTING",
            "Code: 115. DB::Exception: No. (NO_SETTING)",
        ),
        (
            "Stream: Code: 395. DB::Exception: It (really)\nfailed.. (SOME_ERROR) (version 2 (so))",
            395,
            "SOME_ERROR",
            "Code: 395. DB::Exception: It (really)\nfailed. (SOME_ERROR)",
        ),
    ],
)
def test_the_engines_words_become_clickhouses(text: str, code: int, name: str, shown: str) -> None:
    error = engine_error(text)
    assert (error.code, error.name, str(error)) == (code, name, shown)


def test_words_without_a_code_are_an_unknown_exception() -> None:
    assert str(engine_error("out of luck")) == "Code: 1002. DB::Exception: out of luck. (UNKNOWN_EXCEPTION)"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (62, 400),
        (27, 400),
        (516, 403),
        (60, 404),
        (81, 404),
        (115, 404),
        (159, 408),
        (48, 501),
        (164, 500),
        (1, 500),
    ],
)
def test_codes_have_clickhouses_statuses(code: int, status: int) -> None:
    assert http_status(code) == status


def test_an_error_ends_in_one_full_stop() -> None:
    assert str(QueryError(1, "NAME", "So it is.")) == "Code: 1. DB::Exception: So it is. (NAME)"
