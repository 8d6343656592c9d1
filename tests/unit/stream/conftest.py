"""Events, records and definitions by the few words that matter to a test."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stream.core.decoding import Decoder
from stream.core.definitions import Aggregation, Definition
from stream.core.log import Record

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z, when every record here was appended
DAY = 86_400_000


@pytest.fixture
def decoder() -> Decoder:
    return Decoder("foreign")


@pytest.fixture
def event_bytes() -> Callable[..., bytes]:
    """Makes a UsageEvent's JSON; a field given as None is left out."""

    def make(**fields: Any) -> bytes:
        event = {
            "event_id": "e1",
            "tenant_id": "acme",
            "event_name": "llm.request",
            "customer_id": "c1",
            "timestamp": NOW,
            "properties": {},
        } | fields
        return json.dumps({name: value for name, value in event.items() if value is not None}).encode()

    return make


@pytest.fixture
def record() -> Callable[..., Record]:
    """Makes a record appended at NOW plus as many seconds."""

    def make(offset: int, value: bytes | None, *, seconds: float = 0, **fields: Any) -> Record:
        return Record(offset, NOW + int(seconds * 1000), value=value, **fields)

    return make


@pytest.fixture
def definition() -> Callable[..., Definition]:
    """Makes a meter that counts every llm.request of every tenant, but for what is given."""

    def make(**fields: Any) -> Definition:
        defaults: dict[str, Any] = {
            "tenant_id": "*",
            "environment_id": "*",
            "meter_id": "requests",
            "meter_version": 1,
            "event_name": "llm.request",
            "aggregation": Aggregation.COUNT,
            "field": "",
            "filters": (),
            "group_by": (),
            "window_ms": 60_000,
            "unit": "",
            "effective_from": 0,
            "published": True,
        }
        return Definition(**(defaults | fields))

    return make
