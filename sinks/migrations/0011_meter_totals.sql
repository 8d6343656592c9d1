-- Whether each meter's usage is reset, by its highest version; one that does not say so is.
CREATE OR REPLACE VIEW meter_resets AS
SELECT
    m.tenant_id AS tenant_id,
    m.environment_id AS environment_id,
    m.id AS id,
    argMax(if(m.reset_usage = 'NEVER', 'NEVER', 'BILLING_PERIOD'), m.meter_version) AS reset_usage
FROM meters AS m FINAL
GROUP BY tenant_id, environment_id, id;
-- The running total of meters that are never reset (storage, say): at each window, everything from the beginning through
-- it, by the meter's aggregation. `value` is the window's own, as in meter_usage.
-- Whether a meter is reset is what its highest version says; a tenant's own meter goes before one for all tenants, and
-- then one for the environment before one for all of them.
CREATE OR REPLACE VIEW meter_totals AS
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
    ifNull(
        multiIf(
            aggregation = 'COUNT', toDecimal256(events_so_far, 18),
            aggregation = 'SUM', total_so_far,
            aggregation = 'AVG', divideDecimal(total_so_far, toDecimal256(greatest(events_so_far, 1), 0), 18),
            aggregation = 'MIN', CAST(least_so_far, 'Nullable(Decimal(76, 18))'),
            aggregation = 'MAX', CAST(greatest_so_far, 'Nullable(Decimal(76, 18))'),
            aggregation = 'LATEST', CAST(latest_so_far, 'Nullable(Decimal(76, 18))'),
            aggregation = 'COUNT_UNIQUE', toDecimal256(uniques_so_far, 18),
            aggregation = 'DURATION', divideDecimal(total_so_far, toDecimal256(unit_ms, 0), 18),
            CAST(NULL, 'Nullable(Decimal(76, 18))')),
        toDecimal256(0, 18)) AS total
FROM
(
    SELECT
        u.tenant_id AS tenant_id,
        u.environment_id AS environment_id,
        u.meter_id AS meter_id,
        u.customer_id AS customer_id,
        u.group_values AS group_values,
        u.window_start AS window_start,
        u.window_end AS window_end,
        u.aggregation AS aggregation,
        u.unit_ms AS unit_ms,
        u.value AS value,
        sum(u.events) OVER so_far AS events_so_far,
        sum(u.total) OVER so_far AS total_so_far,
        min(u.least_value) OVER so_far AS least_so_far,
        max(u.greatest_value) OVER so_far AS greatest_so_far,
        argMaxIf(u.latest_value, u.latest_rank, u.latest_value IS NOT NULL) OVER so_far AS latest_so_far,
        uniqExactArray(u.distinct_values) OVER so_far AS uniques_so_far
    FROM usage_windows AS u
    LEFT ANY JOIN meter_resets AS own
        ON own.tenant_id = u.tenant_id AND own.environment_id = u.environment_id AND own.id = u.meter_id
    LEFT ANY JOIN (SELECT * FROM meter_resets WHERE environment_id = '*') AS tenants
        ON tenants.tenant_id = u.tenant_id AND tenants.id = u.meter_id
    LEFT ANY JOIN (SELECT * FROM meter_resets WHERE tenant_id = '*') AS environments
        ON environments.environment_id = u.environment_id AND environments.id = u.meter_id
    LEFT ANY JOIN (SELECT * FROM meter_resets WHERE tenant_id = '*' AND environment_id = '*') AS everyones
        ON everyones.id = u.meter_id
    WHERE multiIf(
        own.reset_usage != '', own.reset_usage,
        tenants.reset_usage != '', tenants.reset_usage,
        environments.reset_usage != '', environments.reset_usage,
        everyones.reset_usage) = 'NEVER'
    WINDOW so_far AS (
        PARTITION BY u.tenant_id, u.environment_id, u.meter_id, u.customer_id, toString(u.group_values)
        ORDER BY u.window_start, u.window_end
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
);
