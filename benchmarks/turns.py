"""Contestants take turns; the failing of one is a line of the table and never the end of the others."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.arena import Arena
from benchmarks.command import say
from benchmarks.lineup import Entrant
from benchmarks.publishing import Published
from benchmarks.rounds import Failure, Round

logger = logging.getLogger(__name__)

_FAILURES_ALLOWED: Final = 1
_MOST_CHARACTERS: Final = 300


@dataclass(slots=True)
class Outcome:
    """The rounds in the order they were run, and what gave none."""

    rounds: list[Round] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def may_try(self, name: str) -> bool:
        """Whether a contestant is worth another round: one failure may have been bad luck."""
        return sum(failure.contestant == name for failure in self.failures) <= _FAILURES_ALLOWED


def prepared(entrants: Sequence[Entrant], outcome: Outcome) -> list[Entrant]:
    """Make what contestants need; whoever cannot be made ready is left out, with the reason."""
    ready = []
    for entrant in entrants:
        try:
            entrant.prepare()
            ready.append(entrant)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others go on
            _fail(outcome, entrant.name, error)
    return ready


def take_turns(
    entrants: Sequence[Entrant],
    published: Published,
    arena: Arena,
    outcome: Outcome,
    *,
    rounds: int,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Measure everyone in turns: so many rounds, or as many after the first as `clock`'s deadline allows."""
    longest = 0.0
    for index in range(rounds):
        began = clock()
        if index and began + longest > deadline:
            say(f"{index} rounds were run: another would not end in time")
            return
        for entrant in in_turn(entrants, index):
            if outcome.may_try(entrant.name):
                _measure(entrant, published, arena, outcome)
        longest = max(longest, clock() - began)


def in_turn(entrants: Sequence[Entrant], index: int) -> list[Entrant]:
    """Every other round goes backwards: whoever came after a neighbour comes before it."""
    return list(reversed(entrants)) if index % 2 else list(entrants)


def _measure(entrant: Entrant, published: Published, arena: Arena, outcome: Outcome) -> None:
    try:
        measured = entrant.measure(published, arena)
    except Exception as error:  # noqa: BLE001 - as above
        return _fail(outcome, entrant.name, error)
    outcome.rounds.append(measured)
    say(
        f"{measured.contestant}: {measured.events_per_second:,.0f} events/s, "
        f"{measured.cpu_seconds_per_million:.2f} CPU s per million, load average {measured.load:.1f}"
        + (f"; {measured.fault}" if measured.fault else "")
    )
    return None


def _fail(outcome: Outcome, name: str, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    say(f"{name} gave no figures. {text}")
    outcome.failures.append(Failure(name, " ".join(text.split())[:_MOST_CHARACTERS]))
