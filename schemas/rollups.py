"""Rows on `usage-rollups`: what a chunk of events, or a session, adds to a window, and a chunk's account."""

from pydantic import Field

from schemas.aggregation import AggregationType
from schemas.records import DecimalText, Integer, OptionalId, Record


class Rollup(Record):
    """A row of `usage_rollups`: one origin's share of one window; the highest `row_version` is the newest.

    The origin is a chunk (source_topic_id, source_partition, chunk_start) or a session (source_session, with
    no topic id, partition and chunk_start -1). Window bounds are epoch seconds, `latest_timestamp` epoch
    milliseconds, decimals are strings; DURATION's `sum` is milliseconds whatever the unit. Statistics are
    null where `event_count` is 0.
    """

    tenant_id: str
    environment_id: str
    meter_id: str
    meter_version: Integer
    customer_id: str
    group: dict[str, str] = Field(default_factory=dict)
    window_start: Integer
    window_end: Integer
    aggregation: AggregationType
    unit: str = ""
    source_topic_id: str = ""
    source_partition: Integer = -1
    chunk_start: Integer = -1
    source_session: str = ""
    row_version: Integer
    event_count: Integer
    sum: DecimalText | None = None
    min: DecimalText | None = None
    max: DecimalText | None = None
    latest: DecimalText | None = None
    latest_timestamp: Integer | None = None
    latest_offset: Integer | None = None


class DistinctValue(Record):
    """A row of `usage_distinct_values`: a value that one origin found in one window of a COUNT_UNIQUE meter.

    The key is a Rollup's, and the value: its text as filters compare it. `present` is false where the value
    is taken back.
    """

    tenant_id: str
    environment_id: str
    meter_id: str
    meter_version: Integer
    customer_id: str
    group: dict[str, str] = Field(default_factory=dict)
    window_start: Integer
    window_end: Integer
    source_topic_id: str = ""
    source_partition: Integer = -1
    chunk_start: Integer = -1
    source_session: str = ""
    row_version: Integer
    value: OptionalId
    present: bool = True


class ChunkAccounting(Record):
    """A row of `usage_chunks`: where every record of a chunk went. Times are epoch milliseconds."""

    topic: str
    topic_id: str
    partition: Integer
    chunk_start: Integer
    row_version: Integer
    read: Integer
    control: Integer
    forwarded: Integer
    duplicate: Integer
    rejected: Integer
    unmatched: Integer
    accepted: Integer
    meter_rejections: Integer
    first_append_time: Integer
    last_append_time: Integer
    definitions_end: Integer
    chunk_records: Integer
    chunk_seconds: Integer
    dedupe_records: Integer
    dedupe_seconds: Integer
    semantics: Integer

    @property
    def is_balanced(self) -> bool:
        """Whether every record read has exactly one outcome."""
        outcomes = (
            self.control,
            self.forwarded,
            self.duplicate,
            self.rejected,
            self.unmatched,
            self.accepted,
        )
        return self.read == sum(outcomes)
