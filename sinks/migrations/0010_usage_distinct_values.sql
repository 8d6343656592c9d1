-- The distinct values of COUNT_UNIQUE meters: a row per value and origin, so that they are told apart over all origins.
-- `present` is false where a value was taken back. The value stands before the origin, so equal ones lie side by side.
CREATE TABLE IF NOT EXISTS usage_distinct_values
(
    tenant_id        String,
    environment_id   LowCardinality(String),
    meter_id         LowCardinality(String),
    meter_version    UInt32,
    customer_id      String,
    `group`          Map(String, String),
    window_start     DateTime('UTC'),
    window_end       DateTime('UTC'),
    value            String,
    source_topic_id  LowCardinality(String),
    source_partition Int32,
    chunk_start      Int64,
    source_session   String,
    row_version      UInt64,
    present          Bool,
    group_key        String MATERIALIZED toString(mapSort(`group`)),
    -- As in usage_rollups: a JSON object of something else is no row.
    CONSTRAINT names_its_meter CHECK meter_id != '' AND tenant_id != '',
    CONSTRAINT has_a_window CHECK window_end > window_start,
    CONSTRAINT has_an_origin CHECK source_topic_id != '' OR source_session != ''
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYYYYMM(window_start)
PRIMARY KEY (tenant_id, environment_id, meter_id, customer_id, window_start)
ORDER BY (tenant_id, environment_id, meter_id, customer_id, window_start, group_key, value, meter_version,
          source_topic_id, source_partition, chunk_start, source_session);
-- What each window came to: one row per tenant, environment, meter, customer, group and window, versions and origins
-- together. The views for people are made of it; a column they leave out is not computed.
-- FINAL leaves replaced rows out. A row with no event and no sum (a window that a correction left) is no window.
-- Where several versions of a meter counted into one window, the statistics cover all of them, and aggregation, unit and
-- with them `value` are those of the highest version. Divisions are cut at 18 decimals.
-- `latest_rank` says which of two latest values is the later: by event time, partition, offset.
CREATE OR REPLACE VIEW usage_windows AS
SELECT
    tenant_id,
    environment_id,
    meter_id,
    customer_id,
    group_values,
    window_start,
    window_end,
    last_aggregation AS aggregation,
    multiIf(
        lower(last_unit) IN ('days', 'day', 'd'), 86400000,
        lower(last_unit) IN ('hours', 'hour', 'h'), 3600000,
        lower(last_unit) IN ('minutes', 'minute', 'mins', 'min', 'm'), 60000,
        lower(last_unit) IN ('seconds', 'second', 'secs', 'sec', 's'), 1000,
        1) AS unit_ms,
    ifNull(
        multiIf(
            aggregation = 'COUNT', toDecimal256(events, 18),
            aggregation = 'SUM', total,
            aggregation = 'AVG', mean,
            aggregation = 'MIN', CAST(least_value, 'Nullable(Decimal(76, 18))'),
            aggregation = 'MAX', CAST(greatest_value, 'Nullable(Decimal(76, 18))'),
            aggregation = 'LATEST', CAST(latest_value, 'Nullable(Decimal(76, 18))'),
            aggregation = 'COUNT_UNIQUE', toDecimal256(unique_values, 18),
            aggregation = 'DURATION', divideDecimal(total, toDecimal256(unit_ms, 0), 18),
            CAST(NULL, 'Nullable(Decimal(76, 18))')),
        toDecimal256(0, 18)) AS value,
    events,
    total,
    if(events = 0, NULL, divideDecimal(total, toDecimal256(greatest(events, 1), 0), 18)) AS mean,
    least_value,
    greatest_value,
    latest_value,
    latest_rank,
    unique_values,
    distinct_values
FROM
(
    SELECT
        tenant_id,
        environment_id,
        meter_id,
        customer_id,
        group_values,
        window_start,
        window_end,
        argMax(w.aggregation, w.meter_version) AS last_aggregation,
        argMax(w.unit, w.meter_version) AS last_unit,
        sum(w.event_count) AS events,
        sum(w.sum) AS total,
        min(w.min) AS least_value,
        max(w.max) AS greatest_value,
        argMaxIf(w.latest, w.rank, w.latest IS NOT NULL) AS latest_value,
        maxIf(w.rank, w.latest IS NOT NULL) AS latest_rank,
        max(w.uniques) AS unique_values,
        groupArrayArray(w.found) AS distinct_values
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id,
            CAST(r.environment_id, 'String') AS environment_id,
            CAST(r.meter_id, 'String') AS meter_id,
            r.customer_id AS customer_id,
            mapSort(r.`group`) AS group_values,
            r.window_start AS window_start,
            r.window_end AS window_end,
            r.meter_version AS meter_version,
            CAST(r.aggregation, 'String') AS aggregation,
            CAST(r.unit, 'String') AS unit,
            r.event_count AS event_count,
            r.sum AS sum,
            r.min AS min,
            r.max AS max,
            r.latest AS latest,
            (ifNull(r.latest_timestamp, 0), r.source_partition, ifNull(r.latest_offset, 0)) AS rank,
            toUInt64(0) AS uniques,
            emptyArrayString() AS found
        FROM usage_rollups AS r FINAL
        WHERE r.event_count > 0 OR ifNull(r.sum, toDecimal256(0, 18)) != 0
        UNION ALL
        -- One row a window, so that nothing is added up: a value counts once, however many origins found it.
        SELECT
            d.tenant_id AS tenant_id,
            CAST(d.environment_id, 'String') AS environment_id,
            CAST(d.meter_id, 'String') AS meter_id,
            d.customer_id AS customer_id,
            mapSort(d.`group`) AS group_values,
            d.window_start AS window_start,
            d.window_end AS window_end,
            toUInt32(0) AS meter_version,
            '' AS aggregation,
            '' AS unit,
            toUInt64(0) AS event_count,
            CAST(NULL, 'Nullable(Decimal(76, 18))') AS sum,
            CAST(NULL, 'Nullable(Decimal(38, 18))') AS min,
            CAST(NULL, 'Nullable(Decimal(38, 18))') AS max,
            CAST(NULL, 'Nullable(Decimal(38, 18))') AS latest,
            (toInt64(0), toInt32(0), toInt64(0)) AS rank,
            uniqExact(d.value) AS uniques,
            groupUniqArray(d.value) AS found
        FROM usage_distinct_values AS d FINAL
        WHERE d.present
        GROUP BY tenant_id, environment_id, meter_id, customer_id, group_values, window_start, window_end
    ) AS w
    GROUP BY tenant_id, environment_id, meter_id, customer_id, group_values, window_start, window_end
    -- Values whose rollup is still on its way are no window yet.
    HAVING max(w.meter_version) > 0
);
-- What was used: one row per tenant, environment, meter, customer, group and window.
CREATE OR REPLACE VIEW meter_usage AS
SELECT
    tenant_id,
    environment_id,
    meter_id,
    customer_id,
    group_values AS `group`,
    window_start,
    window_end,
    aggregation,
    value,
    events AS event_count,
    total AS sum,
    mean AS avg,
    least_value AS min,
    greatest_value AS max,
    latest_value AS latest,
    if(aggregation = 'COUNT_UNIQUE', unique_values, NULL) AS unique_count
FROM usage_windows;
