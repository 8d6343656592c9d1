"""A changelog is read to the ends its leaders said, not to where there happens to be nothing to read."""

import pytest

from stream.errors import ChangelogError
from stream.sessions import changelog
from stream.sessions.changelog import Progress


def test_a_partition_is_read_once_its_end_is_reached() -> None:
    progress = Progress("states", {0: 5, 1: 0})
    progress.end_at(1, 0)
    progress.read_to(0, 4)
    assert progress.unread == {0}
    progress.read_to(0, 5)
    assert progress.unread == set()


def test_an_end_met_beyond_the_last_record_is_the_end_where_compaction_took_the_last_ones() -> None:
    progress = Progress("states", {0: 5})
    progress.read_to(0, 3)
    progress.end_at(0, 5)
    assert progress.unread == set()


def test_an_early_end_is_waited_out_and_then_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress("states", {0: 5})
    progress.end_at(0, 3)
    progress.check()
    assert progress.unread == {0}
    monkeypatch.setattr(changelog, "_EARLY_SECONDS", -1.0)
    with pytest.raises(ChangelogError, match="states/0 has nothing to read from offset 3 on and ended at 5"):
        progress.check()
    progress.read_to(0, 4)
    progress.check()
