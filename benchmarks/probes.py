"""Events that are looked for: published with a customer each, and seen again as a row of that customer."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import clickhouse_connect
import orjson
from clickhouse_connect.driver.client import Client
from confluent_kafka import Message, Producer

from benchmarks.tailing import Tail
from deploy.local.endpoints import Endpoints
from producers.kafka_client import producer_config
from producers.settings import current_settings
from schemas import TABLE_HEADER, USAGE_EVENTS, Aggregation, AggregationType, Meter, message_key

_EVENT: Final = "benchmark.probe"
_METER: Final = "bench.probes"
_ROLLUPS: Final = b"usage_rollups"
_VISIBLE: Final = (
    "SELECT DISTINCT customer_id FROM meter_usage "
    "WHERE tenant_id = {tenant:String} AND customer_id IN {pending:Array(String)}"
)


@dataclass(slots=True)
class Probe:
    """One probe's moments, epoch seconds; 0 where it has not come so far."""

    published: float
    counted: float = 0.0
    visible: float = 0.0

    @property
    def whole(self) -> float:
        """Seconds from publishing to SQL."""
        return self.visible - self.published


class Probes:
    """The probes of one run.

    Attributes:
        pending: By customer, those not visible yet.
        seen: The others.
    """

    def __init__(self, producer: Producer, client: Client, tenant: str, rows: Tail) -> None:
        self.pending: dict[str, Probe] = {}
        self.seen: list[Probe] = []
        self._producer = producer
        self._client = client
        self._tenant = tenant
        self._mark = b'"tenant_id":"%b"' % tenant.encode()
        self._rows = rows

    @classmethod
    @contextmanager
    def open(cls, endpoints: Endpoints, tenant: str, rows: Tail) -> Iterator[Self]:
        """Connect for as long as the block runs."""
        producer = Producer(producer_config(endpoints.kafka_bootstrap_servers, current_settings(), {}))
        client = clickhouse_connect.get_client(dsn=endpoints.clickhouse_url)
        try:
            yield cls(producer, client, tenant, rows)
        finally:
            client.close()

    @staticmethod
    def meter(tenant: str) -> Meter:
        """Return the meter that counts the probes of a tenant."""
        return Meter(
            id=_METER,
            name="Probes",
            event_name=_EVENT,
            tenant_id=tenant,
            aggregation=Aggregation(type=AggregationType.COUNT),
        )

    def publish(self) -> None:
        """Publish one more."""
        customer = f"p{len(self.seen) + len(self.pending)}"
        now = time.time()
        event = {
            "event_id": customer,
            "tenant_id": self._tenant,
            "event_name": _EVENT,
            "customer_id": customer,
            "timestamp": int(now * 1000),
            "properties": {},
        }
        value, key = orjson.dumps(event), message_key(self._tenant, customer)
        self.pending[customer] = Probe(time.time())
        self._producer.produce(USAGE_EVENTS, value, key)
        self._producer.poll(0)

    def look(self) -> None:
        """See which have come so far, to `usage-rollups` and to ClickHouse."""
        self._producer.poll(0)
        self._take(self._rows.read(0.0))
        if not self.pending:
            return
        parameters = {"tenant": self._tenant, "pending": list(self.pending)}
        visible = self._client.query(_VISIBLE, parameters=parameters).result_rows
        now = time.time()
        for (customer,) in visible:
            probe = self.pending[customer]
            if probe.counted:  # else its row is still to be read, and is then in the past
                probe.visible = now
                self.seen.append(self.pending.pop(customer))

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            value = message.value() or b""
            if dict(message.headers() or ()).get(TABLE_HEADER) != _ROLLUPS or self._mark not in value:
                continue
            for row in map(orjson.loads, value.splitlines()):
                probe = self.pending.get(row["customer_id"]) if row["tenant_id"] == self._tenant else None
                if probe is not None and not probe.counted:
                    probe.counted = message.timestamp()[1] / 1000
