"""The stream's settings, read from METERSTREAM_… in the environment."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream.core.lifetimes import Lifetimes
from stream.core.runs import Spacing


class StreamSettings(BaseSettings):
    """What a worker can be told; each field is METERSTREAM_ and its name, in capitals.

    The chunk's and the dedupe generation's sizes are pinned with each chunk: a new value counts from the next
    one.
    """

    model_config = SettingsConfigDict(env_prefix="METERSTREAM_", extra="ignore")

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    consumer_group: str = "meterstream"
    sessions_consumer_group: str = "meterstream-sessions"
    consumer_group_instance_id: str | None = Field(
        default=None,
        description="Stable name of this worker: started again under it, it has its partitions at once.",
    )
    session_timeout_seconds: float = Field(default=10.0, gt=0)
    chunk_records: int = Field(default=262_144, gt=0)
    chunk_seconds: int = Field(default=60, gt=0)
    dedupe_records: int = Field(default=131_072, gt=0)
    dedupe_seconds: int = Field(default=3_600, gt=0)
    session_limit_seconds: float = Field(
        default=86_400,
        gt=0,
        le=31 * 86_400,
        description="How long a session may be open before it expires: not billed, until a late end comes.",
    )
    session_kept_seconds: float = Field(
        default=7 * 86_400,
        gt=0,
        description="How long a completed session can be corrected, from its last boundary on.",
    )
    flush_seconds: float = Field(
        default=1.0, gt=0, description="How often changed rows are sent, at the most."
    )
    row_budget: int = Field(
        default=20_000, gt=0, description="Rows a second a worker sends, at the most, but for a chunk's end."
    )
    accept_log_start: bool = Field(
        default=False,
        description="Count a log that does not begin at 0 from its start: nothing of it was counted before.",
    )
    foreign_tenant: str = Field(default="default", description="Tenant of records that name none.")
    fetch_records: int = Field(default=5_000, gt=0, description="Records of one batch, at the most.")
    web_host: str = "127.0.0.1"
    web_port: int = 6066
    sessions_web_port: int = 6067

    def faust_options(self, web_port: int) -> dict[str, Any]:
        """Return what both Faust apps are configured with."""
        return {
            "broker": [f"kafka://{server}" for server in self.kafka_bootstrap_servers.split(",")],
            "store": "memory://",
            "topic_disable_leader": True,
            "topic_allow_declare": False,
            "consumer_group_instance_id": self.consumer_group_instance_id,
            "broker_session_timeout": self.session_timeout_seconds,
            "broker_heartbeat_interval": self.session_timeout_seconds / 5,
            # Partitions that are added are found within this time.
            "consumer_metadata_max_age_ms": 10_000,
            "stream_wait_empty": False,
            "web_bind": self.web_host,
            "web_host": self.web_host,
            "web_port": web_port,
        }

    @property
    def session_lifetimes(self) -> Lifetimes:
        """How long sessions may be open, and are kept."""
        return Lifetimes(round(self.session_limit_seconds * 1000), round(self.session_kept_seconds * 1000))

    @property
    def chunk_spacing(self) -> Spacing:
        """How new chunks are cut."""
        return Spacing(self.chunk_records, self.chunk_seconds)

    @property
    def dedupe_spacing(self) -> Spacing:
        """How dedupe generations are cut from the next chunk on."""
        return Spacing(self.dedupe_records, self.dedupe_seconds)
