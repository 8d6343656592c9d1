"""What the sink can be told, by environment variables METERSTREAM_<FIELD>."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from sinks.errors import SettingMissingError


class SinkSettings(BaseSettings):
    """Where the sink reads and writes, and how much it gathers before it writes."""

    model_config = SettingsConfigDict(env_prefix="METERSTREAM_", frozen=True, extra="ignore")

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    clickhouse_url: str | None = None
    sink_group: str = "meterstream-sink"
    consumer_group_instance_id: str | None = None
    """A stable name gives a sink that starts again its partitions back at once."""

    accept_log_start: bool = False
    """Whether a topic that was never read may begin above offset 0: so it is at a first deployment."""

    sink_batch_rows: int = Field(default=50_000, ge=1)
    sink_batch_bytes: int = Field(default=16 * 1024 * 1024, ge=1)
    """A batch is complete at this many records or bytes; four are held at most, two of them of raw events."""
    sink_batch_seconds: float = Field(default=0.5, gt=0)
    """The longest a record waits for others before it is written."""
    sink_stop_seconds: float = Field(default=5.0, gt=0)
    """How long a sink that is told to stop goes on writing what it has read."""

    def require_clickhouse_url(self) -> str:
        """The URL, or SettingMissingError."""
        if self.clickhouse_url:
            return self.clickhouse_url
        raise SettingMissingError("METERSTREAM_CLICKHOUSE_URL", "http://default:@127.0.0.1:8123/metering")
