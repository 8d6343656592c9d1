"""What ClickHouse says was counted: plain SQL over the tables and views that users query."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from schemas import USAGE_EVENTS
from sinks.clickhouse import parse_url
from tests.chaos.truth import Cell, Usage
from tests.chaos.verdict import Bad, ChunkRow

_USAGE: Final = """
SELECT meter_id, tenant_id, customer_id, `group`['model'], toUnixTimestamp(window_start), event_count,
       toString(value)
FROM meter_usage
"""
_CHUNKS: Final = """
SELECT partition, chunk_start, row_version, read, control, forwarded, duplicate, rejected, unmatched, accepted
FROM usage_chunks FINAL ORDER BY partition, chunk_start
"""
_THROUGH: Final = "SELECT partition, max(row_version) FROM usage_chunks GROUP BY partition"
_OPEN: Final = """
SELECT countIf(last_usage > 0) FROM
(
    SELECT argMax(read - control, chunk_start) AS last_usage FROM usage_chunks FINAL
    GROUP BY topic_id, partition
)
"""
_RAW: Final = (
    f"SELECT partition, uniqExact(offset) FROM raw_usage_events WHERE topic = '{USAGE_EVENTS}' GROUP BY 1"
)
_MALFORMED: Final = """
SELECT DISTINCT value, partition, offset FROM raw_usage_events WHERE startsWith(value, 'malformed')
"""
_REJECTED: Final = """
SELECT if(meter_id = '', value, event_id), partition, offset
FROM rejected_usage_events FINAL WHERE meter_id = {meter:String}
"""


@dataclass
class Counted:
    """Everything that is compared with the truth.

    Attributes:
        usage: `meter_usage`.
        chunks: `usage_chunks`, by partition and start.
        raw: Records of each partition in `raw_usage_events`.
        malformed: Records of the log that are no JSON.
        rejected: Dead letters by the meter that refused them, "" where it was no meter.
    """

    usage: dict[Cell, Usage]
    chunks: list[ChunkRow]
    raw: dict[int, int]
    malformed: Counter[Bad]
    rejected: dict[str, Counter[Bad]]


def connect(url: str) -> Client:
    """A client of the run's ClickHouse."""
    endpoint = parse_url(url)
    return clickhouse_connect.get_client(
        host=endpoint.host, port=endpoint.port, database=endpoint.database, autogenerate_session_id=False
    )


def read_through(client: Client) -> dict[int, int]:
    """How far each partition of `usage-events` is counted, as far as ClickHouse knows."""
    return dict(_rows(client, _THROUGH))


def open_partitions(client: Client) -> int:
    """How many partitions have a last chunk with usage: a tick will come, and end it."""
    ((count,),) = _rows(client, _OPEN)
    return int(count)


def read_counted(url: str, meters: tuple[str, ...]) -> Counted:
    """Everything that is compared; `meters` are those whose dead letters are."""
    client = connect(url)
    try:
        return Counted(
            {Cell(*cell): Usage(events, Decimal(value)) for *cell, events, value in _rows(client, _USAGE)},
            [ChunkRow(*row) for row in _rows(client, _CHUNKS)],
            dict(_rows(client, _RAW)),
            Counter(Bad(*row) for row in _rows(client, _MALFORMED)),
            {
                meter: Counter(Bad(*row) for row in _rows(client, _REJECTED, {"meter": meter}))
                for meter in ("", *meters)
            },
        )
    finally:
        client.close()


def _rows(client: Client, query: str, parameters: dict[str, Any] | None = None) -> list[Any]:
    return list(client.query(query, parameters=parameters).result_rows)
