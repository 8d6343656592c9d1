"""Contestants take turns, and what goes wrong with one is not the end of the others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.arena import Arena
from benchmarks.cores import Cores
from benchmarks.publishing import Published
from benchmarks.rounds import Round
from benchmarks.turns import Outcome, in_turn, prepared, take_turns

ARENA = Arena("127.0.0.1:1", 1, Cores(None, frozenset()), Path("nowhere"))


@dataclass
class Entered:
    """A contestant that measures as it is told."""

    name: str
    fails: Callable[[int], bool] = lambda _: False
    seconds: float = 1.0
    clock: list[float] = field(default_factory=lambda: [0.0])
    tries: int = 0

    def prepare(self) -> None:
        if self.name == "unready":
            raise ValueError("no wheel\nfor this Python")

    def measure(self, _published: Published, _arena: Arena) -> Round:
        self.tries += 1
        self.clock[0] += self.seconds
        if self.fails(self.tries):
            raise ZeroDivisionError("a bug")
        return Round(self.name, 10, 1.0, 1.0, 1, 1, 0.0)


def turns(*entrants: Entered, rounds: int = 3, deadline: float = 1_000.0) -> Outcome:
    outcome = Outcome()
    clock = entrants[0].clock
    for entrant in entrants:
        entrant.clock = clock
    take_turns(
        entrants, Published(), ARENA, outcome, rounds=rounds, deadline=deadline, clock=lambda: clock[0]
    )
    return outcome


def test_every_other_round_goes_backwards() -> None:
    outcome = turns(Entered("a"), Entered("b"), Entered("c"))
    assert "".join(each.contestant for each in outcome.rounds) == "abccbaabc"
    assert [each.name for each in in_turn([Entered("a"), Entered("b")], 1)] == ["b", "a"]


def test_a_bug_in_one_contestant_is_its_failure_alone() -> None:
    broken = Entered("broken", fails=lambda _: True)
    outcome = turns(broken, Entered("sound"))
    assert [each.contestant for each in outcome.rounds] == ["sound"] * 3
    assert outcome.failures[0].reason == "ZeroDivisionError: a bug"


def test_who_failed_once_is_tried_again_and_who_failed_twice_sits_out() -> None:
    unlucky = Entered("unlucky", fails=lambda tries: tries == 1)
    broken = Entered("broken", fails=lambda _: True)
    outcome = turns(unlucky, broken)
    assert [each.contestant for each in outcome.rounds] == ["unlucky"] * 2
    assert broken.tries == 2


def test_no_round_begins_that_would_end_after_the_deadline() -> None:
    assert len(turns(Entered("slow", seconds=40.0), deadline=100.0).rounds) == 2


def test_the_first_round_is_always_run() -> None:
    assert len(turns(Entered("slow", seconds=40.0), deadline=0.0).rounds) == 1


def test_whoever_cannot_be_made_ready_is_left_out_with_its_reason_in_one_line() -> None:
    outcome = Outcome()
    ready = prepared([Entered("unready"), Entered("ready")], outcome)
    assert [each.name for each in ready] == ["ready"]
    assert [each.reason for each in outcome.failures] == ["ValueError: no wheel for this Python"]
