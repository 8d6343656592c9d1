"""The stream's errors.

StreamError
├── BrokerAwayError        nobody answers: worth another try
├── ChangelogError         the sessions' changelog does not fit session-boundaries
├── DefinitionsError       meter-definitions cannot be read
├── InvalidPinError        a commit of the consumer group is no pin
├── LogTruncatedError      a partition's log ends before what was counted of it
├── PartitionLostError     another worker owns the partition now: its pin passes, ours was refused
├── RowsRefusedError       the broker refused rows or dead letters for good
├── TopicMissingError      a topic is not there
├── TopicRecreatedError    a topic was deleted and made anew while it was read
└── UnknownSemanticsError  a chunk was begun by rules this release does not have
"""


class StreamError(Exception):
    """What can go wrong in the stream; the message says what, where, and what to do."""


class BrokerAwayError(StreamError):
    """The broker does not answer, or not yet: whoever asked waits and asks again."""


class ChangelogError(StreamError):
    """The changelog of the sessions' table cannot be made, or does not fit session-boundaries."""


class DefinitionsError(StreamError):
    """meter-definitions cannot be read."""


class LogTruncatedError(StreamError):
    """A partition's log ends before what was counted of it, so its offsets mean other records now."""


class PartitionLostError(StreamError):
    """The consumer group refused a pin, because another worker owns the partition now."""


class RowsRefusedError(StreamError):
    """The broker refused rows, dead letters or boundaries for good, so nothing further may be counted."""


class TopicMissingError(StreamError):
    """A topic the stream reads or writes is not there."""


class TopicRecreatedError(StreamError):
    """A topic was deleted and made anew while a worker read it."""


class InvalidPinError(StreamError):
    """A commit of the consumer group is not a pin."""


class UnknownSemanticsError(StreamError):
    """A chunk was begun by rules this release does not have."""
