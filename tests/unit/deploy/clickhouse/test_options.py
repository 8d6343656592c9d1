import os
from pathlib import Path

import pytest

from deploy.local.clickhouse.serving import read_options


def test_the_server_listens_on_the_loopback_and_needs_no_password() -> None:
    options = read_options(["--path", "data", "--port", "8123"])
    assert (options.path, options.host, options.port) == (Path("data"), "127.0.0.1", 8123)
    assert (options.database, options.user, options.password) == ("default", "default", "")
    assert options.parent is None


def test_the_parent_is_the_process_that_started_it() -> None:
    assert read_options(["--path", "d", "--port", "1", "--exit-with-parent"]).parent == os.getppid()


@pytest.mark.parametrize("arguments", [[], ["--path", "d"], ["--path", "d", "--port", "many"]])
def test_path_and_port_must_be_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(arguments)
    assert "--p" in capsys.readouterr().err
