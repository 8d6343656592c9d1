"""The stream's errors.

StreamError
├── ChangelogError         the sessions' changelog does not fit session-boundaries
├── DefinitionsError       meter-definitions cannot be read
├── InvalidPinError        a commit of the consumer group is no pin
├── PartitionLostError     another worker owns the partition now: its pin passes, ours was refused
├── RowsRefusedError       the broker refused rows or dead letters for good
├── TopicMissingError      a topic is not there
└── UnknownSemanticsError  a chunk was begun by rules this release does not have
"""


class StreamError(Exception):
    """What can go wrong in the stream; the message says what, where, and what to do."""


class ChangelogError(StreamError):
    """The changelog of the sessions' table cannot be made, or does not fit session-boundaries."""


class DefinitionsError(StreamError):
    """meter-definitions cannot be read."""


class PartitionLostError(StreamError):
    """The consumer group refused a pin, because another worker owns the partition now."""


class RowsRefusedError(StreamError):
    """The broker refused rows, dead letters or boundaries for good, so nothing further may be counted."""


class TopicMissingError(StreamError):
    """A topic the stream reads or writes is not there."""


class InvalidPinError(StreamError):
    """A commit of the consumer group is not a pin."""


class UnknownSemanticsError(StreamError):
    """A chunk was begun by rules this release does not have."""
