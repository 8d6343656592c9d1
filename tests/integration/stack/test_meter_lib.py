"""The published package meter-lib, unchanged, against a stand-in of its Kafka REST proxy and its portal."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import meter_lib
import pytest

from producers import apply_meters
from schemas import catalogue

Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def backend(publish: Any, fresh: Any) -> Iterator[tuple[str, str]]:
    """The URL of portal and proxy, and the one customer's id: records go to the topic as they are posted."""
    customer = fresh("customer")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer([{"id": customer}])

        def do_POST(self) -> None:
            assert self.path == "/topics/usage-events"
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            placed = [publish(json.dumps(record["value"]).encode()) for record in posted["records"]]
            self._answer({"offsets": [{"partition": place[0], "offset": place[1]} for place in placed]})

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", customer
    server.shutdown()
    thread.join()
    server.server_close()


def test_its_records_are_counted(backend: tuple[str, str], sql: Sql, stack: Any, eventually: Any) -> None:
    apply_meters(stack.endpoints.kafka_bootstrap_servers, catalogue())
    url, customer = backend
    account = {"tenant_id": "any", "device_id": "d1", "kafka_url": url, "portal_url": url, "api_key": "key"}
    start = 1_767_225_600_000

    for pages in (24, 18):
        assert meter_lib.post_meter_usage(
            meter_id="page.processed.basic", total_usage=pages, metadata={"rule_id": customer}, **account
        )
    session = {"meter_id": "chat.on.time_hours", "metadata": {"session_id": "s1"}}
    assert meter_lib.post_ai_meter_usage(end_time=start + 5_400_000, **session, **account)
    assert meter_lib.post_ai_meter_usage(start_time=start, **session, **account)

    def usage() -> dict[str, float]:
        query = """
            SELECT meter_id, sum(value) AS total FROM meter_usage
            WHERE customer_id = {customer:String} GROUP BY meter_id
        """
        return {row["meter_id"]: float(row["total"]) for row in sql(query, customer=customer)}

    eventually(lambda: usage() == {"page.processed.basic": 42, "chat.on.time_hours": 1.5}, within=60)
    rule = """
        SELECT DISTINCT metadata['rule_id'] AS rule FROM raw_usage_events
        WHERE customer_id = {customer:String}
    """
    eventually(lambda: {"rule": customer} in sql(rule, customer=customer), within=30)
