"""Publishes the demo's usage through the two functions an application calls."""

from typing import Any

from cli.demo.scenario import ChatSession, Scenario, Use
from cli.errors import DemoError
from producers import post_ai_meter_usage, post_meter_usage

_DEVICE = "demo-device"


def publish(scenario: Scenario, kafka: str) -> int:
    """Publish everything, each call acknowledged by the broker; the number of calls.

    Raises:
        DemoError: a call was not acknowledged.
    """
    stored = [_post_use(use, kafka) for use in scenario.uses]
    stored += [
        _post_boundary(session, kafka, ends) for session in scenario.sessions for ends in session.boundaries
    ]
    if None in stored:
        raise DemoError(
            f"{stored.count(None)} of {len(stored)} calls were not acknowledged by Kafka at {kafka}"
        )
    return len(stored)


def _post_use(use: Use, kafka: str) -> dict[str, Any] | None:
    return post_meter_usage(
        tenant_id=use.tenant_id,
        device_id=_DEVICE,
        meter_id=use.meter_id,
        kafka_url=kafka,
        total_usage=use.total_usage,
        timestamp=use.timestamp,
        metadata=use.metadata,
    )


def _post_boundary(session: ChatSession, kafka: str, ends: tuple[str, ...]) -> dict[str, Any] | None:
    return post_ai_meter_usage(
        tenant_id=session.tenant_id,
        device_id=_DEVICE,
        meter_id=session.meter_id,
        kafka_url=kafka,
        start_time=session.start_time if "start" in ends else None,
        end_time=session.end_time if "end" in ends else None,
        metadata={"session_id": session.session_id},
    )
