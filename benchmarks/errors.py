"""What can go wrong in a benchmark.

BenchmarkError
├── ContestantEndedError   a contestant died while it was measured
├── NotFinishedError       it did not finish in time
├── PeerSetupError         what a peer needs could not be made: its environment, its jars or its classes
└── MiscountError          what it counted is not what was published
"""


class BenchmarkError(Exception):
    """The root of this package's errors: no figure may be published from a run that raises one."""


class ContestantEndedError(BenchmarkError):
    """A contestant died while it was measured."""


class NotFinishedError(BenchmarkError):
    """A contestant did not finish in time."""


class PeerSetupError(BenchmarkError):
    """What a peer needs could not be made."""


class MiscountError(BenchmarkError):
    """What a contestant counted is not what was published."""
