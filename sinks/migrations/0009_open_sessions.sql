-- Sessions that have started and not ended, with their duration as of the query.
CREATE OR REPLACE VIEW open_sessions AS
SELECT
    s.tenant_id AS tenant_id,
    s.environment_id AS environment_id,
    s.customer_id AS customer_id,
    s.meter_id AS meter_id,
    s.device_id AS device_id,
    s.session_id AS session_id,
    s.sequence AS sequence,
    s.started_at AS started_at,
    dateDiff('millisecond', assumeNotNull(s.started_at), now64(3, 'UTC')) AS duration_so_far_ms,
    s.metadata AS metadata
FROM usage_sessions AS s FINAL
WHERE s.state = 'open' AND s.started_at IS NOT NULL;
