-- One row per row key and origin: the absolute totals of one chunk (or one session) in one window.
-- A later state of the same row has a higher row_version and replaces it; reading Kafka again changes nothing.
CREATE TABLE IF NOT EXISTS usage_rollups
(
    tenant_id        String,
    environment_id   LowCardinality(String),
    meter_id         LowCardinality(String),
    meter_version    UInt32,
    customer_id      String,
    `group`          Map(String, String),
    window_start     DateTime('UTC'),
    window_end       DateTime('UTC'),
    aggregation      LowCardinality(String),
    unit             LowCardinality(String),
    source_topic_id  LowCardinality(String),
    source_partition Int32,
    chunk_start      Int64,
    source_session   String,
    row_version      UInt64,
    event_count      UInt64,
    -- 76 digits: a chunk of 262,144 events of 1e15 does not fit 38 digits with 18 decimals.
    sum              Nullable(Decimal(76, 18)),
    min              Nullable(Decimal(38, 18)),
    max              Nullable(Decimal(38, 18)),
    latest           Nullable(Decimal(38, 18)),
    -- Epoch milliseconds, as on the topic: it only decides which value is the latest.
    latest_timestamp Nullable(Int64),
    latest_offset    Nullable(Int64),
    group_key        String MATERIALIZED toString(mapSort(`group`)),
    -- JSONEachRow fills what is missing with defaults: without these, any JSON object would be a row.
    CONSTRAINT names_its_meter CHECK meter_id != '' AND tenant_id != '',
    CONSTRAINT has_a_window CHECK window_end > window_start,
    CONSTRAINT has_an_origin CHECK source_topic_id != '' OR source_session != ''
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYYYYMM(window_start)
PRIMARY KEY (tenant_id, environment_id, meter_id, customer_id, window_start)
ORDER BY (tenant_id, environment_id, meter_id, customer_id, window_start, group_key, meter_version, aggregation,
          source_topic_id, source_partition, chunk_start, source_session);
