-- A dead letter is its source record and the meter that refused it ('' = the whole event), however often it was sent.
CREATE TABLE IF NOT EXISTS rejected_usage_events
(
    topic       LowCardinality(String),
    topic_id    LowCardinality(String),
    partition   Int32,
    offset      Int64,
    meter_id    String,
    reason      LowCardinality(String),
    detail      String,
    append_time DateTime64(3, 'UTC'),
    key         String,
    value       String CODEC(ZSTD(1)),
    headers     Map(String, String),
    event_id    String DEFAULT JSONExtractString(value, 'event_id'),
    tenant_id   String DEFAULT JSONExtractString(value, 'tenant_id'),
    event_name  String DEFAULT JSONExtractString(value, 'event_name'),
    customer_id String DEFAULT JSONExtractString(value, 'customer_id')
)
ENGINE = ReplacingMergeTree
ORDER BY (topic_id, partition, offset, meter_id);
