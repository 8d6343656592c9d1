"""A header's name may be any bytes for Kafka; it must not stop a worker."""

import subprocess
import sys
from typing import Any

import pytest

PUBLISH_UNREADABLE = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Unreadable(str):
    def encode(self, *_):
        return bytes([255, 254])

async def publish():
    servers, compression = sys.argv[1:]
    async with AIOKafkaProducer(bootstrap_servers=servers, compression_type=compression or None) as producer:
        headers = [(Unreadable("x"), b"1")]
        await producer.send_and_wait("usage-events", sys.stdin.buffer.read(), headers=headers)

asyncio.run(publish())
"""
"""For aiokafka's plain Python: no other client here lets a header's name be anything but a text."""


@pytest.mark.parametrize("compression", ["", "lz4"])
def test_a_record_with_an_unreadable_header_name_is_counted_and_so_are_those_around_it(
    compression: str,
    kafka_with_topics: str,
    start_worker: Any,
    new_usage: Any,
    new_rollups: Any,
    fresh: Any,
    eventually: Any,
) -> None:
    tenant = fresh("tenant")
    usage, rollups = new_usage(kafka_with_topics, tenant), new_rollups(kafka_with_topics, tenant)
    worker = start_worker(kafka_with_topics, "worker")
    usage.publish(1_000)
    program = [sys.executable, "-c", PUBLISH_UNREADABLE, kafka_with_topics, compression]
    done = subprocess.run(
        program, input=usage._event(700_001, "c0"), env={"AIOKAFKA_NO_EXTENSIONS": "1"}, check=False
    )
    assert done.returncode == 0
    usage.expected["c0"] += 700_001 % 7
    usage.publish(1_000)

    eventually(lambda: rollups.counted() == usage.expected, within=60)
    assert worker.process.poll() is None
    assert worker.says("header names are read by a slower decoder")
