"""Where a partition is read on from, by its commit and what its log still has."""

import pytest

from stream.core.beginnings import LogBounds
from stream.core.log import Source
from stream.errors import LogTruncatedError
from stream.sessions.positions import Committed, Position, position_after

SOURCE = Source("session-boundaries", "now", 3)


def test_it_is_read_on_from_its_commit() -> None:
    for offset in (2, 5, 9):
        assert position_after(SOURCE, Committed(offset, "now"), LogBounds(2, 9)) == Position(offset)


def test_without_a_commit_it_is_read_from_the_start_of_its_log() -> None:
    assert position_after(SOURCE, None, LogBounds(2, 9)) == Position(2)


def test_a_commit_that_names_no_topic_is_of_this_one() -> None:
    assert position_after(SOURCE, Committed(5, ""), LogBounds(2, 9)) == Position(5)


def test_boundaries_deleted_before_they_were_paired_are_a_fault_with_their_offsets() -> None:
    position = position_after(SOURCE, Committed(5, "now"), LogBounds(8, 9))
    assert position.offset == 8
    assert "session-boundaries/3: offsets 5 to 7 were deleted" in position.fault


def test_a_topic_made_anew_is_read_from_its_first_record() -> None:
    position = position_after(SOURCE, Committed(5, "before"), LogBounds(0, 9))
    assert position.offset == 0
    assert "made anew" in position.fault
    assert "before" in position.fault


def test_a_log_that_ends_before_its_commit_is_not_read() -> None:
    with pytest.raises(LogTruncatedError, match="committed at offset 10 and its log ends at 9"):
        position_after(SOURCE, Committed(10, "now"), LogBounds(2, 9))
