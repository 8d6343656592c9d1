"""The three meters in ClickHouse itself, in-process: its Kafka engine and materialised views.

`python meters_engine.py views` is what one writes first: a typed table, a view a meter. `… blocks` is what
makes it fast: the engine hands over raw messages, and one view parses them a block at a time.
The rows stay in a table; they are copied to the output topic once it no longer grows, for them to be checked.
"""

import sys
import time

from chdb.session import Session
from confluent_kafka import Producer
from task import Task

_LOOK_SECONDS = 0.2
_QUIET_SECONDS = 8.0
_LINES_A_RECORD = 1_000

_ROLLUPS = """
CREATE TABLE rollups (
    meter LowCardinality(String), tenant String, customer String, window DateTime('UTC'), amount UInt64
) ENGINE = SummingMergeTree(amount) ORDER BY (meter, tenant, customer, window)
"""

_TYPED = """
    event_name String, customer_id String, tenant_id String, timestamp DateTime('UTC'),
    properties Tuple(model String, tokens UInt64, region String)
"""
_RAW = "raw String"

_VIEW = """
CREATE MATERIALIZED VIEW {name} TO rollups AS
SELECT '{meter}' AS meter, tenant_id AS tenant, customer_id AS customer,
    toStartOfMinute(timestamp) AS window, {amount} AS amount
FROM events WHERE {condition} GROUP BY ALL
"""
_VIEWS = (
    _VIEW.format(
        name="requests", meter="bench.requests", amount="count()", condition="event_name = 'llm.tokens'"
    ),
    _VIEW.format(
        name="tokens",
        meter="bench.tokens",
        amount="sum(properties.tokens)",
        condition="event_name = 'llm.tokens' AND properties.model IN ('gpt-4', 'claude-3')",
    ),
    _VIEW.format(
        name="calls",
        meter="bench.calls.eu",
        amount="count()",
        condition="event_name = 'api.call' AND properties.region = 'eu'",
    ),
)

_BLOCK_VIEW = """
CREATE MATERIALIZED VIEW blocks TO rollups AS
SELECT counted.1 AS meter, tenant, customer, window, sum(counted.2) AS amount
FROM (
    SELECT
        JSONExtract(raw, 'Tuple(event_name String, customer_id String, tenant_id String, timestamp String,
            properties Tuple(model String, tokens String, region String))') AS event,
        event.customer_id AS customer, event.tenant_id AS tenant, event.event_name AS name,
        event.properties AS properties,
        toDateTime(concat(substring(event.timestamp, 1, 10), ' ', substring(event.timestamp, 12, 5), ':00'),
            'UTC') AS window
    FROM events WHERE notEmpty(raw)
)
ARRAY JOIN arrayFilter(each -> each.2 > 0, [
    ('bench.requests', toUInt64(name = 'llm.tokens')),
    ('bench.tokens', if(name = 'llm.tokens' AND properties.model IN ('gpt-4', 'claude-3'),
        toUInt64OrZero(properties.tokens), 0)),
    ('bench.calls.eu', toUInt64(name = 'api.call' AND properties.region = 'eu'))
]) AS counted
GROUP BY ALL
"""


class Engine:
    """A session whose answers are tab-separated text."""

    def __init__(self, task: Task) -> None:
        self._session = Session(str(task.directory / "clickhouse"))
        self.ask("CREATE DATABASE meters")
        self.ask("USE meters")

    def ask(self, statement: str) -> str:
        return str(self._session.query(statement, "TabSeparated"))


def events_table(task: Task, columns: str, form: str) -> str:
    """The statement that makes the engine's table."""
    return f"""
        CREATE TABLE events ({columns}) ENGINE = Kafka SETTINGS
            kafka_broker_list = '{task.bootstrap_servers}', kafka_topic_list = '{task.input}',
            kafka_group_name = '{task.group}', kafka_format = '{form}', kafka_max_block_size = 1000000,
            kafka_poll_max_batch_size = 65536, kafka_flush_interval_ms = 1000, kafka_poll_timeout_ms = 100,
            date_time_input_format = 'best_effort'
    """


def await_quiet(engine: Engine, task: Task) -> None:
    """Wait until the table has rows and no longer grows, and tell each time it has grown."""
    known, since = "", time.monotonic()
    while not known.strip("0\t\n") or time.monotonic() - since < _QUIET_SECONDS:
        time.sleep(_LOOK_SECONDS)
        seen = engine.ask("SELECT sum(amount) FROM rollups")
        if seen != known:
            known, since = seen, time.monotonic()
            task.tell_grown()


def copy_out(engine: Engine, task: Task) -> None:
    """Write the rows to the output topic."""
    rows = engine.ask(
        "SELECT concatWithSeparator('|', meter, tenant, customer, toUnixTimestamp(window), sum(amount)) "
        "FROM rollups GROUP BY meter, tenant, customer, window"
    ).splitlines()
    producer = Producer({"bootstrap.servers": task.bootstrap_servers})
    for start in range(0, len(rows), _LINES_A_RECORD):
        producer.produce(task.output, "\n".join(rows[start : start + _LINES_A_RECORD]))
    producer.flush()


def main() -> None:
    """Count, copy the rows out, and wait to be ended."""
    task = Task.given()
    engine = Engine(task)
    engine.ask(_ROLLUPS)
    if sys.argv[1] == "blocks":
        engine.ask(events_table(task, _RAW, "RawBLOB"))
        views: tuple[str, ...] = (_BLOCK_VIEW,)
    else:
        engine.ask(events_table(task, _TYPED, "JSONEachRow"))
        views = _VIEWS
    task.tell_started()  # the engine begins to read with the first view
    for view in views:
        engine.ask(view)
    await_quiet(engine, task)
    copy_out(engine, task)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
