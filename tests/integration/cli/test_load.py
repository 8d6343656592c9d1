"""`load` against a real broker: every row stored once, the same ids each time, nothing from a bad file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from cli.usage_topic import end_offsets

Run = Callable[..., Any]


@pytest.fixture
def published(kafka_with_topics: str) -> Callable[[], list[dict[str, Any]]]:
    """Gives the events on usage-events that were not there when the test began."""
    before = end_offsets(kafka_with_topics)

    def read() -> list[dict[str, Any]]:
        after = end_offsets(kafka_with_topics)
        expected = sum(after[partition] - start for partition, start in before.items())
        consumer = Consumer({"log_level": 0, "bootstrap.servers": kafka_with_topics, "group.id": "reader"})
        consumer.assign(
            [TopicPartition("usage-events", partition, start) for partition, start in before.items()]
        )
        messages = consumer.consume(expected, timeout=20) if expected else []
        consumer.close()
        assert len(messages) == expected
        values = [message.value() for message in messages]
        return [json.loads(value) for value in values if value is not None]

    return read


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    file = tmp_path / "use.csv"
    rows = [f"2023-11-16 18:{row // 60:02}:{row % 60:02}.1234567,c-{row % 7},{row}" for row in range(2_500)]
    file.write_text("\n".join(["﻿At,Customer,TotalTokens", *rows, ""]), encoding="utf-8")
    return file


def load(run: Run, file: Path, kafka: str, *options: str) -> Any:
    words = ("--tenant", "acme", "--event-name", "used", "--timestamp-column", "At", *options)
    return run("load", str(file), *words, METERSTREAM_KAFKA_BOOTSTRAP_SERVERS=kafka)


def test_each_row_is_stored_and_a_second_load_stores_the_same_ids(
    meterstream: Run, kafka_with_topics: str, csv_file: Path, published: Callable[[], list[dict[str, Any]]]
) -> None:
    options = ("--customer-column", "Customer", "--property", "tokens=TotalTokens")
    first = load(meterstream, csv_file, kafka_with_topics, *options)
    assert first.returncode == 0, first.stderr
    assert "2,500 events published in" in first.stdout
    assert "Loading it again changes nothing until" in first.stdout
    events = published()
    assert sorted(event["properties"]["tokens"] for event in events) == list(range(2_500))
    assert {event["customer_id"] for event in events} == {f"c-{number}" for number in range(7)}
    assert min(event["timestamp"] for event in events) == 1_700_157_600_123
    assert load(meterstream, csv_file, kafka_with_topics, *options).returncode == 0
    again = published()
    assert len(again) == 5_000
    assert len({event["event_id"] for event in again}) == 2_500


def test_events_that_no_meter_counts_are_published_with_a_warning(
    meterstream: Run, kafka_with_topics: str, csv_file: Path
) -> None:
    done = load(meterstream, csv_file, kafka_with_topics)
    assert done.returncode == 0
    assert "warning: no meter of tenant acme or * counts used" in done.stderr


def test_more_rows_than_a_worker_remembers_are_not_to_be_loaded_again(
    meterstream: Run, kafka_with_topics: str, csv_file: Path
) -> None:
    words = ("--tenant", "acme", "--event-name", "used", "--timestamp-column", "At")
    servers = {"METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka_with_topics}
    done = meterstream("load", str(csv_file), *words, **servers, METERSTREAM_DEDUPE_RECORDS="2000")
    assert "Do not load it again" in done.stdout


def test_of_a_file_with_one_bad_row_nothing_is_published(
    meterstream: Run, kafka_with_topics: str, csv_file: Path, published: Callable[[], list[dict[str, Any]]]
) -> None:
    csv_file.write_text(csv_file.read_text() + "never,c-1,1\n")
    done = load(meterstream, csv_file, kafka_with_topics)
    assert done.returncode == 1
    assert done.stderr == (
        "error: use.csv, line 2502: column At: 'never' is not a moment: write epoch milliseconds, "
        "or 2026-01-31 12:00:00 (UTC), or 2026-01-31T12:00:00+01:00\n"
    )
    assert published() == []


def test_bytes_that_are_no_utf_8_are_refused(
    meterstream: Run, kafka_with_topics: str, csv_file: Path
) -> None:
    csv_file.write_bytes(b"At,n\n2023-11-16,\xff\n")
    done = load(meterstream, csv_file, kafka_with_topics)
    assert done.returncode == 1
    assert "use.csv is not UTF-8" in done.stderr


def test_without_a_broker_it_says_so(meterstream: Run, csv_file: Path) -> None:
    done = load(meterstream, csv_file, "127.0.0.1:1")
    assert done.returncode == 1
    assert "Kafka at 127.0.0.1:1 does not say where" in done.stderr
    assert "Traceback" not in done.stderr
