-- What was used: one row per tenant, environment, meter, customer, group and window, versions and origins summed.
-- FINAL leaves replaced rows out. A row with no event and no sum (a window that a correction left) is no window.
-- Where several versions of a meter counted into one window, the statistics cover all of them, and aggregation, unit and
-- with them `value` are those of the highest version. Divisions are cut at 18 decimals.
CREATE OR REPLACE VIEW meter_usage AS
SELECT
    tenant_id,
    environment_id,
    meter_id,
    customer_id,
    group_values AS `group`,
    window_start,
    window_end,
    last_aggregation AS aggregation,
    ifNull(
        multiIf(
            last_aggregation = 'COUNT', toDecimal256(events, 18),
            last_aggregation = 'SUM', total,
            last_aggregation = 'AVG', mean,
            last_aggregation = 'MIN', CAST(least_value, 'Nullable(Decimal(76, 18))'),
            last_aggregation = 'MAX', CAST(greatest_value, 'Nullable(Decimal(76, 18))'),
            last_aggregation = 'LATEST', CAST(latest_value, 'Nullable(Decimal(76, 18))'),
            last_aggregation = 'DURATION', divideDecimal(
                total,
                toDecimal256(multiIf(
                    lower(last_unit) IN ('days', 'day', 'd'), 86400000,
                    lower(last_unit) IN ('hours', 'hour', 'h'), 3600000,
                    lower(last_unit) IN ('minutes', 'minute', 'mins', 'min', 'm'), 60000,
                    lower(last_unit) IN ('seconds', 'second', 'secs', 'sec', 's'), 1000,
                    1), 0),
                18),
            CAST(NULL, 'Nullable(Decimal(76, 18))')),
        toDecimal256(0, 18)) AS value,
    events AS event_count,
    total AS sum,
    mean AS avg,
    least_value AS min,
    greatest_value AS max,
    latest_value AS latest,
    CAST(NULL, 'Nullable(UInt64)') AS unique_count
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
        CAST(argMax(r.aggregation, r.meter_version), 'String') AS last_aggregation,
        argMax(r.unit, r.meter_version) AS last_unit,
        sum(r.event_count) AS events,
        sum(r.sum) AS total,
        if(events = 0, NULL, divideDecimal(total, toDecimal256(greatest(events, 1), 0), 18)) AS mean,
        min(r.min) AS least_value,
        max(r.max) AS greatest_value,
        argMaxIf(
            r.latest,
            (ifNull(r.latest_timestamp, 0), r.source_partition, ifNull(r.latest_offset, 0)),
            r.latest IS NOT NULL) AS latest_value
    FROM usage_rollups AS r FINAL
    WHERE r.event_count > 0 OR ifNull(r.sum, toDecimal256(0, 18)) != 0
    GROUP BY tenant_id, environment_id, meter_id, customer_id, group_values, window_start, window_end
);
