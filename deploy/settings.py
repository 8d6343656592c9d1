"""Settings of the embedded stack, read from METERSTREAM_* variables."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meterstream"


class LocalSettings(BaseSettings):
    """What `meterstream up` may be told; every field has a METERSTREAM_ variable of its name."""

    model_config = SettingsConfigDict(env_prefix="METERSTREAM_", env_ignore_empty=True)

    state_dir: Path = Field(default=Path(".meterstream"), description="Where the stack keeps all it has.")
    cache_dir: Path = Field(
        default_factory=_default_cache, description="Where it is noted which jars Kafka is made of."
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="A Kafka that runs already; none is started then."
    )
    clickhouse_url: str | None = Field(
        default=None, description="A ClickHouse that runs already; none is started then."
    )
    kafka_port: int | None = Field(default=None, ge=1, le=65_535, description="A free one unless given.")
    clickhouse_port: int | None = Field(default=None, ge=1, le=65_535, description="A free one unless given.")
    kafka_heap: str = Field(default="512m", description="Java's -Xmx for the broker.")
    partitions: int = Field(default=4, ge=1, description="Partitions of topics that need no fixed number.")
    startup_seconds: float = Field(
        default=180.0, gt=0, description="How long the parts may take until all are ready."
    )
