"""`post_meter_usage` and `post_ai_meter_usage`: one call, one event, its fate known when they return.

Their parameters, order and return values are those of meter-lib's API reference. A caller's mistake is a
ValueError or a TypeError; whatever else keeps an event from being stored is logged, and None is returned.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from producers import arguments
from producers.customers import find_customer
from producers.destinations import Brokers, RestProxy, destination
from producers.encoding import to_json
from producers.errors import PublishError
from producers.kafka_client import publish
from producers.rest_proxy import publish_record
from producers.settings import current_settings
from producers.wire_forms import (
    Boundary,
    Source,
    Use,
    boundary_record,
    session_boundary,
    usage_event,
    usage_record,
)
from schemas import SESSION_BOUNDARIES, USAGE_EVENTS

_log = logging.getLogger(__name__)


def post_meter_usage(
    tenant_id: str,
    device_id: str,
    meter_id: str,
    kafka_url: str,
    portal_url: str | None = None,
    api_key: str | None = None,
    total_usage: float | Decimal | None = None,
    timestamp: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Publish a use of `total_usage` units of a meter, and wait until it is stored.

    Args:
        tenant_id: whose usage it is.
        device_id: what measured it.
        meter_id: what was used, such as page.processed.basic.
        kafka_url: brokers (kafka://host:9092 or host:9092,host2:9092) or a Kafka REST proxy (https://host).
        portal_url: where the tenant's customer account is looked up; None: the tenant is the customer.
        api_key: sent as a bearer token to portal and proxy; None: no such header.
        total_usage: how much; required, and exact: an int, a float as it prints, or a Decimal of up to
            18 decimals and 10^15 either way. It has a default only so that portal_url and api_key, which the
            reference puts before it, can be left out by callers who name their arguments.
        timestamp: when, in epoch milliseconds; None: now.
        metadata: texts to filter, group and query by; numbers and booleans are written as `str` does.

    Returns:
        From brokers {"event_id", "topic", "partition", "offset"}; from a proxy its JSON. None if the event
        was not stored, or the customer not found, within 10 seconds each; the reason is logged.

    Raises:
        TypeError, ValueError: a mistake in the call.
    """
    if total_usage is None:
        raise TypeError("post_meter_usage needs total_usage: pass how much was used, such as total_usage=24")
    caller = _caller(tenant_id, device_id, meter_id, kafka_url, portal_url, api_key)
    number = arguments.usage(total_usage)
    moment = arguments.milliseconds("timestamp", _now_ms() if timestamp is None else timestamp)
    texts = arguments.metadata(metadata)
    try:
        use = Use(caller.source(texts), number, moment)
        if isinstance(caller.destination, RestProxy):
            return caller.post(caller.destination, usage_record(use))
        return _publish(caller.destination, USAGE_EVENTS, *usage_event(use), event_id=use.source.event_id)
    except PublishError as error:
        _warn(caller, error)
        return None


def post_ai_meter_usage(
    tenant_id: str,
    device_id: str,
    meter_id: str,
    kafka_url: str,
    portal_url: str | None = None,
    api_key: str | None = None,
    start_time: int | None = None,
    end_time: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Publish the start of a session, its end, or both, and wait until it is stored.

    Args:
        tenant_id: whose session it is.
        device_id: where it runs.
        meter_id: a meter of time, such as chat.on.time_hours.
        kafka_url: as for `post_meter_usage`.
        portal_url: as for `post_meter_usage`.
        api_key: as for `post_meter_usage`.
        start_time: when the session began, in epoch milliseconds.
        end_time: when it ended, in epoch milliseconds.
        metadata: as for `post_meter_usage`; its session_id tells sessions of one device apart.

    Returns:
        As `post_meter_usage`.

    Raises:
        TypeError, ValueError: a mistake in the call; neither start_time nor end_time is one.
    """
    caller = _caller(tenant_id, device_id, meter_id, kafka_url, portal_url, api_key)
    start, end = _times(start_time, end_time)
    texts = arguments.session_metadata(metadata)
    try:
        boundary = Boundary(caller.source(texts), start, end)
        if isinstance(caller.destination, RestProxy):
            return caller.post(caller.destination, boundary_record(boundary))
        event_id = boundary.source.event_id
        return _publish(
            caller.destination, SESSION_BOUNDARIES, *session_boundary(boundary), event_id=event_id
        )
    except PublishError as error:
        _warn(caller, error)
        return None


@dataclass(frozen=True, slots=True)
class _Caller:
    """The arguments both functions share, checked."""

    tenant_id: str
    device_id: str
    meter_id: str
    destination: Brokers | RestProxy
    portal_url: str | None
    api_key: str | None

    def source(self, metadata: dict[str, str]) -> Source:
        customer_id = find_customer(self.tenant_id, self.portal_url, self.api_key)
        return Source(str(uuid4()), self.tenant_id, self.device_id, customer_id, self.meter_id, metadata)

    def post(self, proxy: RestProxy, record: dict[str, Any]) -> dict[str, Any]:
        headers = {"x-tenant-id": self.tenant_id, "x-device-id": self.device_id}
        if self.api_key is not None:
            headers["authorization"] = f"Bearer {self.api_key}"
        return publish_record(proxy.url, record, headers, current_settings().publish_timeout)


def _caller(
    tenant_id: str, device_id: str, meter_id: str, kafka_url: str, portal_url: str | None, api_key: str | None
) -> _Caller:
    caller = _Caller(
        arguments.identifier("tenant_id", tenant_id),
        arguments.identifier("device_id", device_id),
        arguments.identifier("meter_id", meter_id),
        destination(arguments.text("kafka_url", kafka_url)),
        arguments.portal(portal_url),
        arguments.secret(api_key),
    )
    if caller.portal_url is not None or isinstance(caller.destination, RestProxy):
        arguments.header_value("tenant_id", caller.tenant_id)
    if isinstance(caller.destination, RestProxy):
        arguments.header_value("device_id", caller.device_id)
    return caller


def _times(start_time: object, end_time: object) -> tuple[int | None, int | None]:
    start = None if start_time is None else arguments.milliseconds("start_time", start_time)
    end = None if end_time is None else arguments.milliseconds("end_time", end_time)
    if start is None and end is None:
        raise ValueError("neither start_time nor end_time is given: pass the one that happened, or both")
    if start is not None and end is not None and end < start:
        raise ValueError(f"end_time {end} lies before start_time {start}: exchange them")
    return start, end


def _publish(
    brokers: Brokers, topic: str, key: bytes, document: dict[str, Any], *, event_id: str
) -> dict[str, Any]:
    report = publish(brokers.bootstrap_servers, topic, key, to_json(document))
    return {"event_id": event_id, "topic": topic, "partition": report.partition, "offset": report.offset}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _warn(caller: _Caller, error: PublishError) -> None:
    _log.warning("usage of %s by tenant %s was not stored: %s", caller.meter_id, caller.tenant_id, error)
