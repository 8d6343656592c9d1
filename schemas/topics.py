"""The topics that hold the parts of Meterstream together, and the headers on their records."""

from dataclasses import dataclass, field
from typing import Final

USAGE_EVENTS: Final = "usage-events"
SESSION_BOUNDARIES: Final = "session-boundaries"
METER_DEFINITIONS: Final = "meter-definitions"
USAGE_ROLLUPS: Final = "usage-rollups"
USAGE_SESSIONS: Final = "usage-sessions"
USAGE_EVENTS_DLQ: Final = "usage-events-dlq"

CONTROL_HEADER: Final = "meterstream-control"
"""On a record of `usage-events` that carries no usage; its value is one of the two below."""
CONTROL_DEFINITIONS: Final = b"definitions"
CONTROL_TICK: Final = b"tick"

TABLE_HEADER: Final = "meterstream-table"
"""On a record of `usage-rollups`: the ClickHouse table its lines are rows of."""

SOURCE_HEADERS: Final = ("meterstream-topic-id", "meterstream-partition", "meterstream-offset")
"""On a boundary forwarded from `usage-events`: where it stood there."""

MAX_EVENT_BYTES: Final = 1_048_588
"""Kafka's own default limit of a record batch, kept for `usage-events`."""
MAX_DEAD_LETTER_BYTES: Final = MAX_EVENT_BYTES + 65_536
"""Room for a dead letter's headers beside the largest event."""

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is created.

    Attributes:
        partitions: None means the number the deployment chooses.
        keeps_partitions: Whether it stays at the number it was created with: where records of one key must
            stay on one partition for longer than any of them waits to be read.
    """

    name: str
    partitions: int | None = None
    config: dict[str, str] = field(default_factory=dict)
    keeps_partitions: bool = False


TOPICS: Final = (
    TopicSpec(
        USAGE_EVENTS,
        config={
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_EVENT_BYTES),
            "retention.ms": str(7 * _DAY_MS),
        },
    ),
    TopicSpec(
        SESSION_BOUNDARIES,
        # Versions of sessions follow these times, and how long they are remembered does.
        config={"message.timestamp.type": "LogAppendTime", "retention.ms": str(30 * _DAY_MS)},
        keeps_partitions=True,  # else a start and its end, sent before and after, would never meet
    ),
    TopicSpec(
        METER_DEFINITIONS,
        partitions=1,
        config={
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            # A deleted definition can still be read by whoever finishes a chunk that knew it.
            "min.compaction.lag.ms": str(7 * _DAY_MS),
        },
    ),
    TopicSpec(USAGE_ROLLUPS, config={"retention.ms": str(7 * _DAY_MS)}),
    TopicSpec(USAGE_SESSIONS, config={"retention.ms": str(7 * _DAY_MS)}),
    TopicSpec(
        USAGE_EVENTS_DLQ,
        config={"max.message.bytes": str(MAX_DEAD_LETTER_BYTES), "retention.ms": str(30 * _DAY_MS)},
    ),
)
