-- The time through which every record of a topic is counted and stored here: all that was appended before
-- `complete_through` is in the rollups, or accounted for as not counted, in every partition.
-- A chunk's accounting row is the last of its flush, and the sink stores it after the rollups it read before it, so a
-- partition is complete through the last record its newest chunk has read. The slowest partition decides. It is a lower
-- bound: a silent partition stays at its last record (or tick), one that never held a record is not counted, and of
-- topics made anew under one name only the newest is looked at. Sessions still open or under way are not covered.
CREATE OR REPLACE VIEW completeness AS
SELECT
    topic,
    topic_id,
    count() AS partitions,
    min(read_through) AS complete_through,
    argMin(partition, read_through) AS slowest_partition
FROM
(
    SELECT
        c.topic AS topic,
        c.topic_id AS topic_id,
        c.partition AS partition,
        max(c.last_append_time) AS read_through
    FROM usage_chunks AS c FINAL
    WHERE (c.topic, c.topic_id) IN (
        SELECT (n.topic, argMax(n.topic_id, n.first_append_time)) FROM usage_chunks AS n GROUP BY n.topic)
    GROUP BY topic, topic_id, partition
)
GROUP BY topic, topic_id;
