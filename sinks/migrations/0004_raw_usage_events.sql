-- Every record of usage-events as it was, control records included, so that records can be accounted for by offset.
-- What follows `headers` is extracted by ClickHouse itself; a value that is no JSON leaves it empty.
CREATE TABLE IF NOT EXISTS raw_usage_events
(
    topic          LowCardinality(String),
    topic_id       LowCardinality(String),
    partition      Int32,
    offset         Int64,
    append_time    DateTime64(3, 'UTC'),
    is_control     Bool,
    key            String,
    value          String CODEC(ZSTD(1)),
    headers        Map(String, String),
    -- One parse for all the columns below. The foreign form names things differently.
    document Tuple(
        event_id String, tenant_id String, environment_id String, event_name String, meter_id String,
        customer_id String, device_id String, timestamp String, event_time String, start_time String,
        end_time String, properties Map(String, String), metadata Map(String, String)
    ) EPHEMERAL JSONExtract(if(match(value, '^\\s*\\{'), value, ''), 'Tuple(event_id String, tenant_id String, environment_id String, event_name String, meter_id String, customer_id String, device_id String, timestamp String, event_time String, start_time String, end_time String, properties Map(String, String), metadata Map(String, String))'),
    -- JSON functions read numbers as doubles: 12345678901234567.89 comes out as 12345678901234568. Where a number could
    -- lose its text, numbers are made strings first, marked by U+0001, which no JSON text may hold unescaped: \2 and \3
    -- enclose a number, and what encloses nothing is taken away again.
    -- Only such values are looked at that closely: all others are empty here.
    hazardous_value String EPHEMERAL if(match(value, '[:,\\[]\\s*-?[0-9]+(?:[.eE]|[0-9]{15})'), value, ''),
    exact_document Tuple(properties Map(String, String), metadata Map(String, String)) EPHEMERAL JSONExtract(
        replaceAll(
            replaceAll(
                replaceAll(
                    replaceRegexpAll(hazardous_value, '("(?:[^"\\\\]|\\\\.)*"\\s*|[:\\[,]\\s*)(-?[0-9][-+.0-9eE]*)?', '\\1\x02\\2\x03'),
                    '\x02\x03', ''),
                '\x02', '"\\u0001'),
            '\x03', '"'),
        'Tuple(properties Map(String, String), metadata Map(String, String))'),
    event_id       String DEFAULT tupleElement(document, 'event_id'),
    tenant_id      String DEFAULT tupleElement(document, 'tenant_id'),
    environment_id LowCardinality(String) DEFAULT if(value = '' OR tupleElement(document, 'environment_id') != '', tupleElement(document, 'environment_id'), 'default'),
    event_name     LowCardinality(String) DEFAULT if(tupleElement(document, 'event_name') != '', tupleElement(document, 'event_name'), tupleElement(document, 'meter_id')),
    customer_id    String DEFAULT tupleElement(document, 'customer_id'),
    device_id      String DEFAULT tupleElement(document, 'device_id'),
    event_time     Nullable(DateTime64(3, 'UTC')) DEFAULT multiIf(
        match(coalesce(nullIf(tupleElement(document, 'timestamp'), ''), nullIf(tupleElement(document, 'event_time'), ''), nullIf(tupleElement(document, 'start_time'), ''), tupleElement(document, 'end_time')), '^[0-9]{1,13}$'),
        fromUnixTimestamp64Milli(toInt64OrZero(coalesce(nullIf(tupleElement(document, 'timestamp'), ''), nullIf(tupleElement(document, 'event_time'), ''), nullIf(tupleElement(document, 'start_time'), ''), tupleElement(document, 'end_time'))), 'UTC'),
        parseDateTime64BestEffortOrNull(tupleElement(document, 'timestamp'), 3, 'UTC')),
    properties     Map(String, String) DEFAULT if(
        hazardous_value = '',
        if(empty(tupleElement(document, 'properties')), tupleElement(document, 'metadata'), tupleElement(document, 'properties')),
        mapApply(
            (k, v) -> (k, replaceRegexpAll(if(startsWith(v, '\x01'), substring(v, 2), v), '"\\\\u0001([^"]*)"', '\\1')),
            if(empty(tupleElement(exact_document, 'properties')), tupleElement(exact_document, 'metadata'), tupleElement(exact_document, 'properties')))),
    -- Another name of the same, whichever of the two the event used.
    metadata       Map(String, String) ALIAS properties
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(append_time)
ORDER BY (topic_id, partition, offset);
