"""What a run comes to: medians, ratios, what is left out of them, and the exit status."""

import json

import pytest

from benchmarks.command import run
from benchmarks.errors import BenchmarkError
from benchmarks.lineup import BARE_LOOPS, KAFKA_STREAMS, LINEUP, PLAIN_AGENT, WORKER
from benchmarks.report import COLUMNS, cells, markdown
from benchmarks.rounds import Failure, Round
from benchmarks.standings import EXPECTED, Standing, is_whole, standings, summary

RATES = {
    WORKER: (400.0, 500.0, 100.0),
    PLAIN_AGENT: (4.0,),
    BARE_LOOPS[0]: (200.0,),
    BARE_LOOPS[1]: (250.0,),
    KAFKA_STREAMS[0]: (100.0,),
    KAFKA_STREAMS[1]: (80.0,),
}


def measured(name: str, rate: float, fault: str = "") -> Round:
    return Round(name, 1_000, 1_000 / rate, 2.0, peak_mb=100, rows=10, load=0.5, fault=fault)


def rounds(*without: str) -> list[Round]:
    return [measured(name, rate) for name, rates in RATES.items() if name not in without for rate in rates]


def summed(run_rounds: list[Round], failures: tuple[Failure, ...] = ()) -> dict[str, float]:
    return summary(standings(list(RATES), run_rounds, failures))


def test_every_rival_of_the_ratios_is_in_the_lineup() -> None:
    assert RATES.keys() <= {entrant.name for entrant in LINEUP}
    assert len({entrant.name for entrant in LINEUP}) == len(LINEUP)


def test_the_summary_is_of_medians_and_above_one_where_the_worker_is_faster() -> None:
    assert summed(rounds()) == {
        "events_per_second": 400,
        "cpu_seconds_per_million": 2_000.0,
        "ratio_to_plain_agent": 100.0,
        "ratio_to_bare_loop": 1.6,
        "ratio_to_kafka_streams": 4.0,
    }


def test_the_fastest_of_several_rivals_is_compared_with() -> None:
    slower_loop = [each for each in rounds() if each.contestant != BARE_LOOPS[0]]
    assert summed([*slower_loop, measured(BARE_LOOPS[0], 800.0)])["ratio_to_bare_loop"] == 0.5


@pytest.mark.parametrize("missing", [*BARE_LOOPS])
def test_a_ratio_to_the_faster_of_two_is_left_out_where_one_was_not_measured(missing: str) -> None:
    figures = summed(rounds(missing), (Failure(missing, "no wheel"),))
    assert figures.keys() == EXPECTED - {"ratio_to_bare_loop"}
    assert not is_whole(figures)


def test_a_rival_with_wrong_totals_is_no_rival() -> None:
    wrong = [*rounds(PLAIN_AGENT), measured(PLAIN_AGENT, 4.0, fault="1 of 2 cells wrong")]
    assert "ratio_to_plain_agent" not in summed(wrong)


def test_a_rival_that_failed_once_and_was_measured_then_still_counts() -> None:
    figures = summed(rounds(), (Failure(PLAIN_AGENT, "ended with exit code 1"),))
    assert is_whole(figures)


def test_a_worker_that_miscounted_once_has_no_figures() -> None:
    assert summed([*rounds(), measured(WORKER, 1_000.0, fault="counted 3, published 4")]) == {}
    assert summed(rounds(WORKER)) == {}


def test_the_exit_status_tells_whether_all_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    whole = summed(rounds())
    assert run(lambda: whole, is_whole) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == whole

    partial = summed(rounds(PLAIN_AGENT))
    assert run(lambda: partial, is_whole) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == partial


def test_a_run_that_could_not_begin_has_no_figures(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> dict[str, float]:
        raise BenchmarkError("no broker")

    assert run(fail, is_whole) == 1
    assert "no broker" in capsys.readouterr().err


def test_a_contestant_without_figures_is_a_line_with_its_reason() -> None:
    line = cells(Standing("Bytewax", (), (Failure("Bytewax", "no wheel for this Python"),)))
    assert len(line) == len(COLUMNS)
    assert (line[0], line[1], line[-1]) == ("Bytewax", "0", "no wheel for this Python")


def test_wrong_totals_stand_in_the_table_beside_the_figures() -> None:
    line = cells(Standing("Quix", (measured("Quix", 50.0, fault="3 of 9 cells wrong, as m|t"),)))
    assert line[3] == "50"
    assert line[-1].startswith("3 of 9 cells wrong")
    assert "m\\|t" in markdown([Standing("Quix", (measured("Quix", 50.0, fault="m|t"),))])


def test_broker_and_contestant_are_told_apart() -> None:
    each = Round("x", 500_000, 2.0, 1.5, peak_mb=1, rows=1, load=0, broker_cpu_seconds=0.5)
    assert (each.cpu_seconds_per_million, each.broker_cpu_seconds_per_million, each.cores) == (3.0, 1.0, 0.75)
