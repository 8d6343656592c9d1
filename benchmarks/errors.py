"""What can go wrong in a benchmark.

BenchmarkError
├── ContestantEndedError   a contestant died while it was measured
├── NotFinishedError       it did not finish in time
└── MiscountError          what it counted is not what was published
"""


class BenchmarkError(Exception):
    """The root of this package's errors: no figure may be published from a run that raises one."""


class ContestantEndedError(BenchmarkError):
    """A contestant died while it was measured."""


class NotFinishedError(BenchmarkError):
    """A contestant did not finish in time."""


class MiscountError(BenchmarkError):
    """What a contestant counted is not what was published."""
