import logging

import pytest

from sinks.starts import Commit, Extent, StartRules, after_truncation

STRICT, FIRST_DEPLOYMENT = StartRules(accepts_log_start=False), StartRules(accepts_log_start=True)


def test_a_partition_goes_on_where_it_was_committed() -> None:
    for offset in (5, 7, 20):
        start = STRICT.start("usage-events", "id", Commit(offset, "id"), Extent(5, 20))
        assert (start.offset, start.lost, start.finding) == (offset, 0, "")


def test_a_commit_of_an_earlier_release_has_no_topic_id_and_is_obeyed() -> None:
    start = STRICT.start("usage-events", "id", Commit(7), Extent(0, 20))
    assert (start.offset, start.finding) == (7, "")


def test_a_log_never_read_is_read_from_its_start_without_a_word() -> None:
    start = STRICT.start("usage-events", "id", None, Extent(0, 20))
    assert (start.offset, start.finding) == (0, "")


def test_records_deleted_after_the_commit_are_lost() -> None:
    start = STRICT.start("usage-events", "id", Commit(3, "id"), Extent(5, 20))
    assert (start.offset, start.lost, start.level) == (5, 2, logging.ERROR)
    assert "2 records were deleted before they were stored" in start.finding


def test_a_log_never_read_that_begins_above_zero_is_lost_unless_it_is_a_first_deployment() -> None:
    strict = STRICT.start("usage-events", "id", None, Extent(5, 20))
    first = FIRST_DEPLOYMENT.start("usage-events", "id", None, Extent(5, 20))
    assert (strict.offset, strict.lost, strict.level) == (5, 5, logging.ERROR)
    assert (first.offset, first.lost, first.level) == (5, 0, logging.INFO)


def test_a_first_deployment_does_not_excuse_what_was_deleted_after_a_commit() -> None:
    start = FIRST_DEPLOYMENT.start("usage-events", "id", Commit(3, "id"), Extent(5, 20))
    assert (start.lost, start.level) == (2, logging.ERROR)


def test_of_a_compacted_topic_nobody_can_say_how_many_records_are_lost() -> None:
    start = STRICT.start("meter-definitions", "id", Commit(3, "id"), Extent(5, 20))
    assert (start.offset, start.lost, start.level) == (5, 0, logging.WARNING)


@pytest.mark.parametrize(("log_start", "lost"), [(0, 0), (4, 4)])
def test_a_commit_of_another_topic_is_ignored_whatever_its_offset(log_start: int, lost: int) -> None:
    for offset in (2, 10, 500):
        start = STRICT.start("usage-events", "new", Commit(offset, "old"), Extent(log_start, 20))
        assert (start.offset, start.lost, start.level) == (log_start, lost, logging.ERROR)
        assert "committed for topic id old" in start.finding


def test_a_commit_beyond_the_end_or_a_truncated_log_is_read_again_from_its_start() -> None:
    beyond = STRICT.start("usage-events", "id", Commit(21, "id"), Extent(5, 20))
    assert (beyond.offset, beyond.lost, beyond.level) == (5, 0, logging.ERROR)
    assert after_truncation(Extent(5, 20)).offset == 5
