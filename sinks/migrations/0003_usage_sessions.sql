-- A session as it last was. One with a session_id is the only one of its key; a device without one is a switch, whose
-- sessions are told apart by their sequence.
CREATE TABLE IF NOT EXISTS usage_sessions
(
    tenant_id      String,
    environment_id LowCardinality(String),
    customer_id    String,
    meter_id       LowCardinality(String),
    device_id      String,
    session_id     String,
    sequence       UInt32 DEFAULT 1,
    state          LowCardinality(String),
    started_at     Nullable(DateTime64(3, 'UTC')),
    ended_at       Nullable(DateTime64(3, 'UTC')),
    duration_ms    Nullable(Int64),
    version        UInt64,
    metadata       Map(String, String),
    updated_at     DateTime64(3, 'UTC'),
    CONSTRAINT names_its_meter CHECK meter_id != '' AND state != ''
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant_id, environment_id, customer_id, meter_id, device_id, session_id, sequence);
