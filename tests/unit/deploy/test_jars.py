import json
import zipfile
from pathlib import Path

from deploy.local.jars import COORDINATES, damaged_jars, recorded_jars


def jar(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("A.class", b"\0" * 10_000)
    return path


def test_recorded_jars_come_back_in_their_order(tmp_path: Path) -> None:
    jars = [jar(tmp_path / name) for name in ("b.jar", "a.jar")]
    record = tmp_path / "record.json"
    record.write_text(json.dumps([str(path) for path in jars]))
    assert recorded_jars(record) == jars


def test_a_record_that_names_a_jar_which_is_gone_is_worth_nothing(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text(json.dumps([str(jar(tmp_path / "a.jar")), str(tmp_path / "gone.jar")]))
    assert recorded_jars(record) is None


def test_a_record_that_is_missing_empty_or_broken_is_worth_nothing(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    assert recorded_jars(record) is None
    for text in ("", "[", "[]", "3", "[3]"):
        record.write_text(text)
        assert recorded_jars(record) is None


def test_a_jar_that_was_cut_off_is_damaged(tmp_path: Path) -> None:
    whole, cut = jar(tmp_path / "whole.jar"), jar(tmp_path / "cut.jar")
    cut.write_bytes(cut.read_bytes()[:-30])
    assert damaged_jars([whole, cut]) == [cut]


def test_only_kafka_itself_decides_the_versions_of_its_dependencies() -> None:
    kafka, *others = COORDINATES
    assert kafka.startswith("org.apache.kafka:")
    assert all(coordinate.endswith("!") for coordinate in others)
