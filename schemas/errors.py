"""What can be wrong with data described here.

SchemaError (a ValueError)
|-- InvalidMeterError       a meter definition has faults; it names all of them
|-- InvalidTimestampError   not epoch milliseconds, nor RFC 3339 with a zone
|-- UndecodableError        bytes that decoders would read differently, or not at all
|-- NotANumberError         a text that is not a JSON number
|-- NumberOutOfBoundsError  a number too large, or with too many decimals
|-- InvalidKeyError         bytes that are not a message key made here
`-- InvalidHeadersError     headers that do not describe a dead letter
"""

from collections.abc import Iterable


class SchemaError(ValueError):
    """Data that breaks a rule of Meterstream's schemas."""


class InvalidMeterError(SchemaError):
    """One or more meter definitions with faults; `str()` lists every one, one a line."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class InvalidTimestampError(SchemaError):
    """A moment in no accepted form."""


class UndecodableError(SchemaError):
    """Bytes that are no JSON object in UTF-8, or one with a repeated key, NaN or Infinity."""


class NotANumberError(SchemaError):
    """A text that does not read as a number."""


class NumberOutOfBoundsError(SchemaError):
    """A number that rows cannot hold exactly."""


class InvalidKeyError(SchemaError):
    """Bytes that `message_key` did not make."""


class InvalidHeadersError(SchemaError):
    """Record headers that lack what a dead letter's must say."""
