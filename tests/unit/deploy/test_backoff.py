from deploy.local.backoff import Backoff

BACKOFF = Backoff(first=0.2, limit=10.0, steady=10.0)


def test_a_part_that_dies_is_first_started_again_well_within_a_second() -> None:
    assert BACKOFF.wait(BACKOFF.failures(0, ran=3_600.0)) < 0.5


def test_each_short_run_doubles_the_wait() -> None:
    assert [BACKOFF.wait(failures) for failures in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]


def test_the_wait_never_exceeds_its_limit() -> None:
    assert BACKOFF.wait(7) == 10.0
    assert BACKOFF.wait(100_000) == 10.0


def test_short_runs_add_up() -> None:
    assert BACKOFF.failures(4, ran=9.9) == 5


def test_a_steady_run_makes_all_earlier_failures_good() -> None:
    assert BACKOFF.failures(4, ran=10.0) == 1
