"""Whatever the decoder accepts can be counted, written and sent: no record stops the worker."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.accounting import Emissions
from stream.core.chunks import Chunk
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, Stretch
from stream.core.pins import Pin
from stream.core.rows import take_accounting_row, take_rows
from stream.emitting import Emitter

NOW = 1_767_225_600_000
SOURCE = Source("usage-events", "topic-id", 0)


class Outbox:
    """Holds what is sent to the limits of the topics it is for."""

    def produce(self, topic: str, value: bytes | None, _key: bytes | None = None, _headers: Any = ()) -> None:
        assert value is None or len(value) < 1_048_588, topic

    def poll(self) -> None:
        """Nothing comes in."""

    async def drain(self) -> None:
        """All is acknowledged."""


def meter(meter_id: str, aggregation: Aggregation, **fields: Any) -> Definition:
    defaults: dict[str, Any] = {
        "tenant_id": "*",
        "environment_id": "*",
        "meter_version": 1,
        "event_name": "n",
        "field": "v",
        "filters": (),
        "group_by": (),
        "window_ms": 60_000,
        "unit": "",
        "effective_from": 0,
        "published": True,
    }
    return Definition(meter_id=meter_id, aggregation=aggregation, **(defaults | fields))


METERS = DefinitionSet(
    [
        meter("sum", Aggregation.SUM),
        meter("least", Aggregation.MIN),
        meter("grouped", Aggregation.COUNT, group_by=("v", "w")),
        meter("filtered", Aggregation.LATEST, filters=(("v", frozenset({"1"})),)),
        meter("time", Aggregation.DURATION),
    ]
)


def take(value: bytes) -> Chunk:
    """Take a record all the way: decoded, counted, its rows made, everything sent."""
    pin = Pin(
        chunk_start=0,
        topic_id="topic-id",
        bucket=(0, 0),
        chunk_records=10,
        chunk_seconds=60,
        dedupe_records=10,
        dedupe_seconds=60,
        definitions_end=1,
        previous_generation=0,
        current_generation=0,
    )
    chunk, emissions = Chunk(SOURCE, pin, METERS, Generations(0, 0)), Emissions()
    chunk.count(Stretch([Record(0, NOW, value=value, key=b"key")]), 0, Decoder("default"), emissions)
    Emitter(Outbox(), lambda: 0.0, flush_seconds=1.0, row_budget=1).publish(SOURCE, emissions)
    take_rows(chunk)
    take_accounting_row(chunk)
    assert chunk.outcomes.read == 1
    return chunk


EVENT = b'{"tenant_id":"t","event_name":"n","customer_id":"c","timestamp":%d,"properties":{"v":%b}%b}'
BOUNDARY = {"ai_event": True, "meter_id": "m", "customer_id": "c", "start_time": NOW}


@pytest.mark.parametrize(
    "value",
    [
        EVENT % (NOW, b"1e99999999999999999999999", b""),
        EVENT % (NOW, b'"1e99999999999999999999999"', b""),
        EVENT % (NOW, b'"1e-99999999999999999999999"', b""),
        EVENT % (NOW, b"-1e-99999999999999999999999", b""),
        EVENT % (NOW, b"1.5", b',"x":1e99999999999999999999999'),
        EVENT % (NOW, b"1", b',"x":"\xff"'),
        EVENT % (NOW, b"1", b',"x":' + b"[" * 990 + b"]" * 990),
        EVENT % (NOW, b"1", b',"x":' + b"[" * 50 + b"]" * 50),
        EVENT % (NOW, b'"\\u0000"', b""),
        b"[" * 1_000_000,
        json.dumps(BOUNDARY | {"metadata": {str(number): number for number in range(90_000)}}).encode(),
        json.dumps(BOUNDARY | {"metadata": {"text": "x" * 1_000_000}}).encode(),
        json.dumps({str(number): 0 for number in range(80_000)})[:-1].encode() + b',"1":0}',
    ],
    ids=range(13),
)
def test_a_record_made_to_do_harm_has_an_outcome(value: bytes) -> None:
    take(value)


@pytest.mark.parametrize("name", ["tenant_id", "environment_id", "customer_id", "meter_id", "event_id"])
@pytest.mark.parametrize("text", [" ", "\t", "x" * 513])
def test_a_boundary_that_could_not_be_forwarded_is_refused(name: str, text: str) -> None:
    assert take(json.dumps(BOUNDARY | {name: text}).encode()).outcomes.rejected == 1


_TEXTS = st.text(max_size=4) | st.sampled_from([" ", "x" * 513, "1", "1e400", "0.1"])
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = _TEXTS | st.booleans() | _NUMBERS | st.none()
_OBJECTS = st.dictionaries(st.just("v") | _TEXTS, _VALUES, max_size=3)
_TIMES = st.just(NOW) | st.just("2026-01-01T00:00:00Z") | _VALUES


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "tenant_id": _TEXTS,
            "environment_id": _TEXTS,
            "event_name": st.just("n"),
            "meter_id": _TEXTS,
            "customer_id": _TEXTS | st.integers(),
            "timestamp": _TIMES,
            "event_time": _TIMES,
            "start_time": _TIMES,
            "end_time": _TIMES,
            "total_usage": _VALUES,
            "properties": _OBJECTS,
            "metadata": _OBJECTS,
            "event_id": _TEXTS,
            "session_id": _TEXTS,
            "device_id": _TEXTS,
            "interval": st.fixed_dictionaries({"start": _TIMES, "end": _TIMES}),
        },
    )
)
def test_no_record_stops_the_worker(fields: dict[str, Any]) -> None:
    take(json.dumps(fields).encode())
