"""Where a partition is read on from, by its commit and what its log still has."""

import pytest

from stream.core.beginnings import LogBounds
from stream.core.log import Source
from stream.errors import LogTruncatedError
from stream.sessions.positions import Changelog, Committed, Start, decode_committed, start_after

SOURCE = Source("session-boundaries", "now", 3)
CHANGELOG = Changelog("states")


def test_it_is_read_on_from_its_commit() -> None:
    for offset in (2, 5, 9):
        assert start_after(SOURCE, Committed(offset, "now", "states"), LogBounds(2, 9), CHANGELOG) == Start(
            offset
        )


def test_without_a_commit_it_is_read_from_the_start_of_its_log() -> None:
    assert start_after(SOURCE, None, LogBounds(2, 9), CHANGELOG) == Start(2)


def test_a_commit_that_names_no_topic_is_of_this_one() -> None:
    assert start_after(SOURCE, Committed(5, ""), LogBounds(2, 9), CHANGELOG) == Start(5)


def test_boundaries_deleted_before_they_were_paired_are_a_fault_with_their_offsets() -> None:
    start = start_after(SOURCE, Committed(5, "now"), LogBounds(8, 9), CHANGELOG)
    assert start.offset == 8
    assert "session-boundaries/3: offsets 5 to 7 were deleted" in start.fault


def test_a_topic_made_anew_is_read_from_its_first_record() -> None:
    start = start_after(SOURCE, Committed(5, "before"), LogBounds(0, 9), CHANGELOG)
    assert start.offset == 0
    assert "made anew" in start.fault
    assert "before" in start.fault


def test_a_log_that_ends_before_its_commit_is_not_read() -> None:
    with pytest.raises(LogTruncatedError, match="committed at offset 10 and its log ends at 9"):
        start_after(SOURCE, Committed(10, "now"), LogBounds(2, 9), CHANGELOG)


def test_without_the_states_of_its_changelog_a_partition_is_read_again() -> None:
    start = start_after(SOURCE, Committed(5, "now", "states"), LogBounds(2, 9), Changelog("other"))
    assert start.offset == 2
    assert "session-boundaries/3 is read again from offset 2, up to 5 once more" in start.fault


def test_a_commit_that_names_no_changelog_is_of_the_one_there_is() -> None:
    assert start_after(SOURCE, Committed(5, "now"), LogBounds(2, 9), CHANGELOG) == Start(5)


def test_a_commit_that_names_no_changelog_is_not_of_one_created_just_now() -> None:
    start = start_after(SOURCE, Committed(5, "now"), LogBounds(2, 9), Changelog("states", is_new=True))
    assert start.offset == 2
    assert "made anew" in start.fault


def test_a_commit_made_with_a_changelog_this_process_created_is_read_on_from() -> None:
    changelog = Changelog("states", is_new=True)
    assert start_after(SOURCE, Committed(5, "now", "states"), LogBounds(2, 9), changelog) == Start(5)


@pytest.mark.parametrize(
    "committed", [Committed(5, "topic", "changelog"), Committed(5, "topic"), Committed(5, "")]
)
def test_a_commit_is_read_as_it_was_written(committed: Committed) -> None:
    assert decode_committed(5, committed.metadata) == committed


def test_a_commit_of_an_earlier_release_is_the_topic_id_alone() -> None:
    assert Committed(5, "topic").metadata == "topic"
