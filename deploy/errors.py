"""What can go wrong while a stack is made or run.

DeployError
├── TopicError      a topic cannot be made what it must be
├── JarsError       Kafka's jars could not be fetched, or are damaged
├── PortError       a port that was asked for is taken
├── NotRunningError there is no stack in the state directory
├── RunningError    there is one already
└── PartError       a part of the stack does not come up
"""


class DeployError(Exception):
    """The root of this package's errors; its text says what was wrong, where, and what to do."""


class TopicError(DeployError):
    """A topic cannot be made what it must be."""


class JarsError(DeployError):
    """Kafka's jars could not be fetched, or what was fetched is damaged."""


class PortError(DeployError):
    """A port that was asked for is taken."""


class NotRunningError(DeployError):
    """No stack is up in the state directory."""


class RunningError(DeployError):
    """A stack is already up in the state directory."""


class PartError(DeployError):
    """A part of the stack does not come up."""
