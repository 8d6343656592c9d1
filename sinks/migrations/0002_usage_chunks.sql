-- What became of every record of a chunk: read = control + forwarded + duplicate + rejected + unmatched + accepted.
CREATE TABLE IF NOT EXISTS usage_chunks
(
    topic             LowCardinality(String),
    topic_id          LowCardinality(String),
    partition         Int32,
    chunk_start       Int64,
    row_version       UInt64,
    read              UInt64,
    control           UInt64,
    forwarded         UInt64,
    duplicate         UInt64,
    rejected          UInt64,
    unmatched         UInt64,
    accepted          UInt64,
    meter_rejections  UInt64,
    first_append_time DateTime64(3, 'UTC'),
    last_append_time  DateTime64(3, 'UTC'),
    definitions_end   Int64,
    chunk_records     UInt64,
    chunk_seconds     UInt64,
    dedupe_records    UInt64,
    dedupe_seconds    UInt64,
    semantics         UInt32,
    CONSTRAINT has_an_origin CHECK topic_id != ''
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (topic_id, partition, chunk_start);
