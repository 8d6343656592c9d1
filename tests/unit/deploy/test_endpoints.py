import json
from pathlib import Path

import pytest

from deploy.errors import NotRunningError
from deploy.local.endpoints import Endpoints, clickhouse_of, kafka_of
from deploy.local.statedir import StateDir, claim
from deploy.settings import LocalSettings

ENDPOINTS = Endpoints("127.0.0.1:1", "http://default:@127.0.0.1:2/metering", {"kafka": 3, "worker": 4})


def test_endpoints_are_read_as_they_were_saved_while_the_stack_is_up(tmp_path: Path) -> None:
    with claim(StateDir(tmp_path)):
        ENDPOINTS.save(tmp_path)
        assert Endpoints.load(tmp_path) == ENDPOINTS


def test_the_file_has_the_documented_keys(tmp_path: Path) -> None:
    ENDPOINTS.save(tmp_path)
    assert json.loads((tmp_path / "endpoints.json").read_text()) == {
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "clickhouse_url": "http://default:@127.0.0.1:2/metering",
        "pids": {"kafka": 3, "worker": 4},
    }


def test_saving_leaves_no_draft_behind(tmp_path: Path) -> None:
    ENDPOINTS.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def test_where_no_stack_was_ever_up_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="meterstream up"):
        Endpoints.load(tmp_path / "nowhere")


def test_the_file_of_a_stack_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    with claim(StateDir(tmp_path)):
        ENDPOINTS.save(tmp_path)
    with pytest.raises(NotRunningError, match="no stack is up"):
        Endpoints.load(tmp_path)


def test_a_stack_that_is_still_starting_is_not_ready_yet(tmp_path: Path) -> None:
    with claim(StateDir(tmp_path)), pytest.raises(NotRunningError, match="not ready yet"):
        Endpoints.load(tmp_path)


def test_addresses_in_the_settings_need_no_stack(tmp_path: Path) -> None:
    settings = LocalSettings(
        state_dir=tmp_path, kafka_bootstrap_servers="elsewhere:9092", clickhouse_url="http://there/metering"
    )
    assert kafka_of(settings) == "elsewhere:9092"
    assert clickhouse_of(settings) == "http://there/metering"


def test_addresses_that_are_not_in_the_settings_are_those_of_the_stack(tmp_path: Path) -> None:
    settings = LocalSettings(state_dir=tmp_path, kafka_bootstrap_servers=None, clickhouse_url=None)
    with claim(StateDir(tmp_path)):
        ENDPOINTS.save(tmp_path)
        assert kafka_of(settings) == ENDPOINTS.kafka_bootstrap_servers
        assert clickhouse_of(settings) == ENDPOINTS.clickhouse_url
