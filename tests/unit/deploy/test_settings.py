from pathlib import Path

import pytest

from deploy.settings import LocalSettings


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS", "")
    monkeypatch.setenv("METERSTREAM_KAFKA_PORT", "")
    settings = LocalSettings()
    assert settings.kafka_bootstrap_servers is None
    assert settings.kafka_port is None


def test_every_field_has_a_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERSTREAM_STATE_DIR", "/elsewhere")
    monkeypatch.setenv("METERSTREAM_CLICKHOUSE_PORT", "8123")
    settings = LocalSettings()
    assert settings.state_dir == Path("/elsewhere")
    assert settings.clickhouse_port == 8123


def test_without_variables_the_state_is_in_the_current_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERSTREAM_STATE_DIR", raising=False)
    assert LocalSettings().state_dir == Path(".meterstream")
