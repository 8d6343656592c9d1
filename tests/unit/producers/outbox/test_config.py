"""Which file an outbox is."""

from pathlib import Path

import pytest

from producers.outbox import OutboxError, QueueConfig
from producers.outbox.config import default_path


def test_what_a_configuration_names_comes_first() -> None:
    resolved = QueueConfig(path="/var/lib/shop/outbox.sqlite3", synchronous="normal", max_bytes=9).resolved()
    assert (resolved.path, resolved.synchronous, resolved.max_bytes) == (
        Path("/var/lib/shop/outbox.sqlite3"),
        "normal",
        9,
    )


def test_the_default_is_where_programs_keep_their_state() -> None:
    assert default_path({"HOME": "/home/a"}) == Path("/home/a/.local/state/meterstream/outbox.sqlite3")
    assert default_path({"HOME": "/home/a", "XDG_STATE_HOME": "/state"}) == Path(
        "/state/meterstream/outbox.sqlite3"
    )


def test_where_nothing_says_which_file_it_is_the_setting_is_named() -> None:
    with pytest.raises(OutboxError, match="METERSTREAM_OUTBOX_PATH"):
        default_path({})
