"""What `schemas` exports is a promise: a change here is a change for everyone."""

import subprocess
import sys

import schemas

EXPORTED = [
    "ANY",
    "CONTROL_DEFINITIONS",
    "CONTROL_HEADER",
    "CONTROL_TICK",
    "DETAIL_HEADER",
    "DURATION_UNITS",
    "EARLIEST_TIMESTAMP_MS",
    "EPOCH",
    "MAX_ABSOLUTE",
    "MAX_DEAD_LETTER_BYTES",
    "MAX_DECIMALS",
    "MAX_EVENT_BYTES",
    "MAX_ID_BYTES",
    "MAX_INTERVAL_MS",
    "MAX_TIMESTAMP_AHEAD_MS",
    "METER_DEFINITIONS",
    "METER_HEADER",
    "OFFSET_HEADER",
    "PARTITION_HEADER",
    "REASON_HEADER",
    "SESSION_BOUNDARIES",
    "SOURCE_HEADERS",
    "TABLE_HEADER",
    "TOPICS",
    "TOPIC_HEADER",
    "TOPIC_ID_HEADER",
    "TOTAL_USAGE",
    "USAGE_EVENTS",
    "USAGE_EVENTS_DLQ",
    "USAGE_ROLLUPS",
    "USAGE_SESSIONS",
    "Aggregation",
    "AggregationType",
    "ChunkAccounting",
    "CompleteMeter",
    "DeadLetter",
    "DeadLetterReason",
    "DistinctValue",
    "Filter",
    "Interval",
    "InvalidHeadersError",
    "InvalidKeyError",
    "InvalidMeterError",
    "InvalidTimestampError",
    "Meter",
    "MeterDefinition",
    "NotANumberError",
    "NumberOutOfBoundsError",
    "PropertyValue",
    "ResetUsage",
    "Rollup",
    "SchemaError",
    "Session",
    "SessionBoundary",
    "SessionState",
    "Status",
    "TopicSpec",
    "UndecodableError",
    "UsageEvent",
    "catalogue",
    "decode_exactly",
    "definition",
    "definition_key",
    "epoch_ms",
    "message_key",
    "new_meter",
    "parse_key",
    "parse_meters",
    "parse_number",
    "plain_text",
    "readable_faults",
    "same_meter",
    "session_key",
    "utc_moment",
    "validate",
]


def test_the_package_exports_exactly_these_names() -> None:
    assert sorted(schemas.__all__) == sorted(EXPORTED)


def test_every_exported_name_is_there() -> None:
    assert [name for name in EXPORTED if not hasattr(schemas, name)] == []


def test_importing_schemas_loads_no_client_and_no_framework() -> None:
    heavy = {"aiokafka", "asyncio", "clickhouse_connect", "confluent_kafka", "faust", "httpx", "msgspec"}
    code = f"import schemas, sys; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
