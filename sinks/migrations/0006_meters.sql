-- Every version of every meter definition, as it stands on meter-definitions.
CREATE TABLE IF NOT EXISTS meters
(
    definition       String,
    source_offset    Int64,
    tenant_id        String DEFAULT JSONExtractString(definition, 'tenant_id'),
    environment_id   String DEFAULT JSONExtractString(definition, 'environment_id'),
    id               String DEFAULT JSONExtractString(definition, 'id'),
    meter_version    UInt32 DEFAULT JSONExtractUInt(definition, 'meter_version'),
    effective_from   Nullable(DateTime64(3, 'UTC')) DEFAULT parseDateTime64BestEffortOrNull(JSONExtractString(definition, 'effective_from'), 3, 'UTC'),
    event_name       String DEFAULT JSONExtractString(definition, 'event_name'),
    name             String DEFAULT JSONExtractString(definition, 'name'),
    description      String DEFAULT JSONExtractString(definition, 'description'),
    type             LowCardinality(String) DEFAULT JSONExtractString(definition, 'type'),
    aggregation      LowCardinality(String) DEFAULT JSONExtractString(definition, 'aggregation', 'type'),
    field            String DEFAULT JSONExtractString(definition, 'aggregation', 'field'),
    filters          String DEFAULT JSONExtractRaw(definition, 'filters'),
    group_by         Array(String) DEFAULT JSONExtract(definition, 'group_by', 'Array(String)'),
    unit             LowCardinality(String) DEFAULT JSONExtractString(definition, 'unit'),
    window_seconds   UInt32 DEFAULT JSONExtractUInt(definition, 'window_seconds'),
    reset_usage      LowCardinality(String) DEFAULT JSONExtractString(definition, 'reset_usage'),
    status           LowCardinality(String) DEFAULT JSONExtractString(definition, 'status'),
    created_at       Nullable(DateTime64(3, 'UTC')) DEFAULT parseDateTime64BestEffortOrNull(JSONExtractString(definition, 'created_at'), 3, 'UTC'),
    updated_at       Nullable(DateTime64(3, 'UTC')) DEFAULT parseDateTime64BestEffortOrNull(JSONExtractString(definition, 'updated_at'), 3, 'UTC'),
    created_by       String DEFAULT JSONExtractString(definition, 'created_by'),
    updated_by       String DEFAULT JSONExtractString(definition, 'updated_by'),
    CONSTRAINT is_a_meter CHECK id != '' AND meter_version > 0
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (tenant_id, environment_id, id, meter_version);
