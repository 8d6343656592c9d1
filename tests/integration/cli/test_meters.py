"""`meters` and `topics` against a real broker."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.usage_topic import end_offsets
from producers import read_definitions

Run = Callable[..., Any]


@pytest.fixture
def run(meterstream: Run, kafka_with_topics: str) -> Run:
    def call(*words: str, **options: str) -> Any:
        done = meterstream(*words, METERSTREAM_KAFKA_BOOTSTRAP_SERVERS=kafka_with_topics, **options)
        assert done.returncode == 0, done.stderr
        return done

    return call


@pytest.fixture
def meter_id(fresh: Callable[[str], str]) -> str:
    return fresh("meter")


def definition(meter_id: str, **fields: object) -> str:
    required = {"id": meter_id, "event_name": "used", "name": "M", "aggregation": {"type": "COUNT"}}
    return json.dumps(required | fields)


def outcome(said: str, meter_id: str) -> tuple[str, str]:
    """The version and the outcome of a meter, as the table has them."""
    (row,) = [line for line in said.splitlines() if meter_id in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    return cells[3], cells[-1]


def test_a_change_is_a_new_version_and_a_repeat_is_none(run: Run, meter_id: str, tmp_path: Path) -> None:
    file = tmp_path / "meter.yaml"
    file.write_text(definition(meter_id))
    assert outcome(run("meters", "apply", str(file)).stdout, meter_id) == ("1", "published")
    assert outcome(run("meters", "apply", str(file)).stdout, meter_id) == ("1", "unchanged")
    changed = definition(meter_id, filters=[{"key": "k", "values": ["010"]}])
    assert outcome(run("meters", "apply", "-", stdin=changed).stdout, meter_id) == ("2", "published")
    listed = run("meters", "list").stdout
    assert outcome(listed, meter_id) == ("2", "published")
    assert "k in 010" in listed


def test_applying_is_announced_on_every_partition(run: Run, meter_id: str, kafka_with_topics: str) -> None:
    before = end_offsets(kafka_with_topics)
    run("meters", "apply", "-", stdin=definition(meter_id))
    after = end_offsets(kafka_with_topics)
    assert all(after[partition] == end + 1 for partition, end in before.items())


def test_effective_from_holds_for_every_meter_of_the_file(
    run: Run, meter_id: str, kafka_with_topics: str
) -> None:
    meters = f"[{definition(meter_id)}, {definition(f'{meter_id}-b')}]"
    run("meters", "apply", "-", "--effective-from", "2026-01-31T12:00:00+01:00", stdin=meters)
    starts = {
        each.effective_from_ms for each in read_definitions(kafka_with_topics) if each.id.startswith(meter_id)
    }
    assert starts == {1_769_857_200_000}


def test_a_disabled_meter_is_archived_and_applied_again_it_counts_again(run: Run, meter_id: str) -> None:
    run("meters", "apply", "-", stdin=definition(meter_id))
    assert outcome(run("meters", "disable", meter_id).stdout, meter_id) == ("2", "archived")
    assert outcome(run("meters", "disable", meter_id).stdout, meter_id) == ("2", "unchanged")
    assert outcome(run("meters", "list").stdout, meter_id) == ("2", "archived")
    assert outcome(run("meters", "apply", "-", stdin=definition(meter_id)).stdout, meter_id) == (
        "3",
        "published",
    )
    assert outcome(run("meters", "list").stdout, meter_id) == ("3", "published")


def test_an_unchanged_meter_says_that_its_effective_time_was_not_changed_and_why(
    run: Run, meter_id: str
) -> None:
    start = ("--effective-from", "2026-01-31T12:00:00+01:00")
    said = run("meters", "apply", "-", *start, stdin=definition(meter_id)).stdout
    assert "immutable" not in said
    assert "immutable" not in run("meters", "apply", "-", *start, stdin=definition(meter_id)).stdout
    said = run(
        "meters", "apply", "-", "--effective-from", "2026-03-01T00:00:00Z", stdin=definition(meter_id)
    ).stdout
    assert "unchanged" in said
    assert (
        f"{meter_id} is unchanged and still counts from 2026-01-31 11:00:00, not from 2026-03-01 00:00:00: "
        "a published version is immutable"
    ) in said


def test_a_meter_that_is_not_there_cannot_be_disabled(
    meterstream: Run, kafka_with_topics: str, meter_id: str
) -> None:
    done = meterstream("meters", "disable", meter_id, METERSTREAM_KAFKA_BOOTSTRAP_SERVERS=kafka_with_topics)
    assert done.returncode == 1
    assert f"error: there is no meter {meter_id} of tenant default" in done.stderr


def test_the_catalogue_is_applied(run: Run) -> None:
    said = run("meters", "apply", "--catalogue").stdout
    assert sum("│ *" in line for line in said.splitlines()) == 18


def test_topics_that_are_as_they_should_be_are_left_alone(run: Run) -> None:
    assert "nothing was changed" in run("topics", "apply").stdout
