"""What a running worker says of itself in numbers."""

import socket
from typing import Any

import httpx


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_scrape_says_how_far_each_partition_is_read_and_how_far_back_repeats_are_known(
    kafka_with_topics: str, start_worker: Any, new_usage: Any, new_rollups: Any, fresh: Any, eventually: Any
) -> None:
    tenant, port = fresh("tenant"), free_port()
    usage, rollups = new_usage(kafka_with_topics, tenant), new_rollups(kafka_with_topics, tenant)
    start_worker(kafka_with_topics, "worker", WEB_PORT=str(port), CHUNK_RECORDS="200", DEDUPE_RECORDS="300")
    usage.publish(2_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)

    def scrape() -> str:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text

    def read_offsets() -> list[int]:
        lines = [line for line in scrape().splitlines() if line.startswith("meterstream_read_offset{")]
        return sorted(int(float(line.split()[1])) for line in lines)

    def read_ends() -> list[int]:
        ends: dict[int, int] = {}
        for chunk in rollups.chunks():
            ends[chunk["partition"]] = max(ends.get(chunk["partition"], 0), chunk["row_version"])
        return sorted(ends.values())

    eventually(lambda: read_offsets() == read_ends(), within=30)
    text = scrape()
    assert 'meterstream_dedupe_horizon_seconds{partition="0",topic="usage-events"}' in text
