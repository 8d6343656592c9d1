"""What can go wrong in the sinks package.

SinkError
├── SettingMissingError     a setting without which nothing can start
├── InvalidUrlError         METERSTREAM_CLICKHOUSE_URL is not a ClickHouse URL
├── ClickHouseAwayError     nothing wrong with the rows: try again later
│   └── ClickHouseFailsError    it answers with an error that is not the rows'
├── KafkaAwayError          the brokers do not answer
├── RowsRefusedError        ClickHouse answers, and will never take these rows
├── MigrationError          a migration fails, or changed after it was applied
└── TopicRecreatedError     a topic was deleted and made anew under the running sink
"""


class SinkError(Exception):
    """Base of all errors of this package."""


class SettingMissingError(SinkError):
    """A setting without which nothing can start."""

    def __init__(self, variable: str, example: str) -> None:
        super().__init__(f"{variable} is not set: set it, for instance to {example}")


class InvalidUrlError(SinkError):
    """The ClickHouse URL lacks a part or has a wrong one."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            f"METERSTREAM_CLICKHOUSE_URL {fault}: write http[s]://user:password@host:port/database"
        )


class ClickHouseAwayError(SinkError):
    """ClickHouse cannot be reached, or cannot work now; the same request may succeed later."""


class ClickHouseFailsError(ClickHouseAwayError):
    """ClickHouse is there and answers with an error that says nothing of the rows."""


class KafkaAwayError(SinkError):
    """The brokers do not answer, or do not let the sink do what it must."""


class RowsRefusedError(SinkError):
    """ClickHouse refuses these rows for what they hold, however often they are sent."""


class MigrationError(SinkError):
    """A migration cannot be applied."""


class TopicRecreatedError(SinkError):
    """A topic has another id than at the start: it was deleted and made anew."""

    def __init__(self, topic: str, before: str, now: str) -> None:
        super().__init__(
            f"topic {topic} was made anew while the sink was reading it (its id was {before} and is {now}): "
            "start the sink again, and it reads the new one from its start"
        )
