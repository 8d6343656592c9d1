"""What a worker says of itself in numbers: at /metrics of its web server, in Prometheus' text form."""

from typing import Final

from prometheus_client import Counter, Gauge

_PARTITION: Final = ("topic", "partition")

READ_OFFSET: Final = Gauge("meterstream_read_offset", "Offset of the next record to count.", _PARTITION)
DEDUPE_HORIZON_SECONDS: Final = Gauge(
    "meterstream_dedupe_horizon_seconds",
    "Append time between the oldest event whose repeats are known and the last record.",
    _PARTITION,
)
LOG_FAULTS: Final = Counter(
    "meterstream_log_faults",
    "Times a log was not what its pin speaks of; each is an error line with the offsets.",
    _PARTITION,
)
PASSED_OVER_OFFSETS: Final = Counter(
    "meterstream_passed_over_offsets",
    "Offsets that were passed over uncounted, for the beginning of their chunk was deleted.",
    _PARTITION,
)
TICKS: Final = Counter("meterstream_ticks", "Ticks sent to partitions that fell silent.", _PARTITION)
