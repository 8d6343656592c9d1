"""What a run comes to: each contestant's medians, and how many times as fast as others the worker is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.lineup import BARE_LOOPS, KAFKA_STREAMS, PLAIN_AGENT, WORKER
from benchmarks.rounds import Failure, Round

RIVALS: Final[Mapping[str, tuple[str, ...]]] = {
    "ratio_to_plain_agent": (PLAIN_AGENT,),
    "ratio_to_bare_loop": BARE_LOOPS,
    "ratio_to_kafka_streams": KAFKA_STREAMS,
}
"""By the name of a ratio: the contestants the fastest of which the worker is compared with."""

EXPECTED: Final = frozenset(("events_per_second", "cpu_seconds_per_million", *RIVALS))


@dataclass(frozen=True, slots=True)
class Standing:
    """One contestant's rounds, and its failures in the order they happened."""

    name: str
    rounds: tuple[Round, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def fault(self) -> str:
        """What went wrong first: a round without figures, or totals that differ; empty where nothing did."""
        faults = [failure.reason for failure in self.failures] + [each.fault for each in self.rounds]
        return next(filter(None, faults), "")

    @property
    def counts(self) -> bool:
        """Whether a ratio may rest on it: it was measured, and every total was right."""
        return bool(self.rounds) and not any(each.fault for each in self.rounds)

    def median(self, figure: Callable[[Round], float]) -> float:
        """The median of a figure over its rounds, of which there must be one."""
        return median(map(figure, self.rounds))

    @property
    def events_per_second(self) -> float:
        return self.median(lambda each: each.events_per_second)


def standings(
    names: Sequence[str], rounds: Sequence[Round], failures: Sequence[Failure]
) -> dict[str, Standing]:
    """Give every contestant's standing, by name, in the order of the names."""
    return {
        name: Standing(
            name,
            tuple(each for each in rounds if each.contestant == name),
            tuple(each for each in failures if each.contestant == name),
        )
        for name in names
    }


def summary(standing: Mapping[str, Standing]) -> dict[str, float]:
    """The worker's medians, and its rate over that of the fastest of its rivals: above 1 where it is faster.

    What could not be measured is left out: a ratio to the faster of two, where one was not measured or
    counted wrong, might be a ratio to the slower one.
    """
    worker = standing.get(WORKER)
    if worker is None or not worker.counts:
        return {}
    figures = {
        "events_per_second": round(worker.events_per_second),
        "cpu_seconds_per_million": round(worker.median(lambda each: each.cpu_seconds_per_million), 3),
    }
    for ratio, names in RIVALS.items():
        rivals = [standing[name] for name in names if name in standing and standing[name].counts]
        if len(rivals) == len(names):
            fastest = max(rival.events_per_second for rival in rivals)
            figures[ratio] = round(worker.events_per_second / fastest, 3)
    return figures


def is_whole(figures: Mapping[str, object]) -> bool:
    """Whether everything a run promises was measured."""
    return figures.keys() >= EXPECTED
