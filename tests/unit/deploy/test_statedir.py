import os
from pathlib import Path

import pytest

from deploy.errors import RunningError
from deploy.local.statedir import StateDir, claim, is_claimed


def test_a_second_claim_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with claim(state), pytest.raises(RunningError, match=f"process {os.getpid()}"), claim(state):
        pass


def test_a_claim_ends_with_its_block(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with claim(state):
        assert is_claimed(state)
    assert not is_claimed(state)
    with claim(state):
        assert is_claimed(state)


def test_a_claim_makes_the_directory(tmp_path: Path) -> None:
    with claim(StateDir(tmp_path / "new" / "directory")):
        assert (tmp_path / "new" / "directory").is_dir()


def test_a_directory_keeps_its_identity_and_shares_it_with_no_other(tmp_path: Path) -> None:
    first, second = StateDir(tmp_path / "first"), StateDir(tmp_path / "second")
    assert first.identity() == StateDir(tmp_path / "first").identity()
    assert first.identity() != second.identity()
