"""The demo's SQL, as printed and as run, and ClickHouse's answers over plain HTTP."""

import json
from string import Template
from typing import Any, Final

import httpx

from cli.errors import QueryError
from sinks.clickhouse import Endpoint, parse_url

ROLLUPS: Final = Template("""\
SELECT meter_id, tenant_id, customer_id, window_start, window_end, aggregation, value, event_count, sum
FROM meter_usage
WHERE startsWith(tenant_id, '$run-')
ORDER BY meter_id, tenant_id, window_start""")
RULES: Final = Template("""\
SELECT metadata['rule_id'] AS rule_id, count() AS events
FROM raw_usage_events FINAL
WHERE startsWith(tenant_id, '$run-') AND event_name = 'rule.executed.small'
GROUP BY rule_id ORDER BY rule_id""")

_EXACT: Final = {
    "default_format": "JSONEachRow",
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_64bit_integers": "0",
}
_SECONDS: Final = 30.0


def select(clickhouse_url: str, sql: str) -> list[dict[str, Any]]:
    """The rows of a query, decimals as text.

    Raises:
        QueryError: ClickHouse is not there, or refuses it.
    """
    endpoint = parse_url(clickhouse_url)
    try:
        answer = httpx.post(
            _root(endpoint),
            params={"database": endpoint.database, **_EXACT},
            content=sql,
            auth=(endpoint.user, endpoint.password) if endpoint.password else None,
            timeout=_SECONDS,
        )
    except httpx.HTTPError as error:
        raise QueryError(f"ClickHouse at {_root(endpoint)} does not answer: {error}") from error
    if not answer.is_success:
        raise QueryError(f"ClickHouse refuses the query: {answer.text.strip()}\n{sql}")
    return [json.loads(line) for line in answer.text.splitlines()]


def curl(clickhouse_url: str, sql: str) -> str:
    """The same query as a command line."""
    endpoint = parse_url(clickhouse_url)
    quoted = sql.replace("'", "'\\''").replace("\n", " ")
    login = f" --user {endpoint.user}:…" if endpoint.password else ""
    return f"curl{login} '{_root(endpoint)}?database={endpoint.database}' --data-binary '{quoted}'"


def _root(endpoint: Endpoint) -> str:
    return f"{endpoint.interface}://{endpoint.host}:{endpoint.port}/"
