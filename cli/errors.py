"""What can go wrong in a command, beside the errors of the packages it calls.

CliError
|-- MissingExtraError  a command needs packages that are not installed
|-- MeterFileError     a file of meters cannot be read, or holds meters with faults
|-- CsvError           a CSV file cannot be read as usage events
|-- MomentError        a text is not a moment
|-- AddressError       the broker list is none, or the brokers have no answer or no topic
|-- QueryError         ClickHouse refuses a query
`-- DemoError          the demo did not get what it published, or not in time
"""


class CliError(Exception):
    """Root of this package's errors; its text says what was wrong, where, and what to do."""


class MissingExtraError(CliError):
    """A command needs packages that are not installed."""


class MeterFileError(CliError):
    """A file of meters cannot be read, or holds meters with faults."""


class CsvError(CliError):
    """A CSV file cannot be read as usage events; nothing was published."""


class MomentError(CliError):
    """A text is not a moment."""


class AddressError(CliError):
    """Kafka is not where it was said to be, or has no topics of Meterstream."""


class QueryError(CliError):
    """ClickHouse refuses a query."""


class DemoError(CliError):
    """The demo did not get what it published, or not in time."""
