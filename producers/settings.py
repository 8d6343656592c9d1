"""Settings of everything that publishes, read from the environment (prefix METERSTREAM_)."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProducerSettings(BaseSettings):
    """Times are seconds.

    `kafka_config` holds librdkafka properties as one JSON object, for example
    METERSTREAM_KAFKA_CONFIG='{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}'; they apply to
    every client of this package and win over its own choices, but for acks, idempotence and the partitioner.
    """

    model_config = SettingsConfigDict(env_prefix="METERSTREAM_", frozen=True)

    kafka_bootstrap_servers: str | None = None
    kafka_config: dict[str, str] = {}
    publish_timeout: float = Field(default=10.0, gt=0)
    """How long one post_… call waits for the broker or proxy, and how long it waits for the portal."""
    customer_cache_ttl: float = Field(default=60.0, ge=0)
    delivery_timeout: float = Field(default=120.0, gt=0)
    """How long a UsageProducer keeps trying to deliver an event before it counts as failed."""
    outbox_path: Path | None = None
    """Where the outbox keeps its jobs: a file on a local disk that outlives the process; None: where XDG has
    programs keep their state."""
    outbox_synchronous: Literal["full", "normal"] = "full"
    """Whether `put` waits for the disk. Killing the process loses nothing either way; a power cut may lose
    the last jobs where it is `normal`."""
    outbox_max_bytes: int | None = Field(default=None, gt=0)
    """How large the outbox's file may grow before `put` raises OutboxFullError; None: as the disk is."""
    internal_ports: frozenset[int] = frozenset({8000})
    """Requests that come in on these ports of the server are internal and not counted."""


@lru_cache(maxsize=1)
def current_settings() -> ProducerSettings:
    """Read the environment once a process; `current_settings.cache_clear()` reads it anew."""
    return ProducerSettings()
