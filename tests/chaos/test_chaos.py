"""Short drills with faults chosen by hand: `make chaos` runs long ones drawn from a seed."""

from pathlib import Path

import pytest

from tests.chaos.cluster import PINNED
from tests.chaos.drill import Drill, Outcome, run
from tests.chaos.schedule import (
    SESSION_SECONDS,
    ChangeMeters,
    Deploy,
    Freeze,
    Kill,
    Planned,
    Restart,
    Role,
    Scale,
    Size,
)
from tests.chaos.summary import summary

PAST_THE_SESSION = SESSION_SECONDS + 3.0

EVERY_KIND_OF_FAULT = [
    Planned(2, Kill(Role.WORKER, 1, down=0.5)),
    Planned(4, Freeze(Role.SINK, 1, seconds=1)),
    Planned(5, Scale(2)),
    Planned(6, ChangeMeters()),
    Planned(7, Kill(Role.CLICKHOUSE, 1, down=1)),
    Planned(8, Freeze(Role.WORKER, 1, seconds=PAST_THE_SESSION)),
    Planned(9, Kill(Role.LOAD, 1, down=0.2)),
    Planned(11, Kill(Role.SINK, 1, down=0)),
    Planned(13, Kill(Role.BROKER, 1, down=0.5)),
    Planned(18, Deploy(1)),
    Planned(19, Restart(Role.WORKER, 2)),
]


def drill(tmp_path: Path, planned: Drill) -> Outcome:
    lines: list[str] = []
    outcome = run(planned, tmp_path, lines.append)
    report = "\n".join([*lines, summary(outcome), f"logs in {tmp_path}"])
    assert outcome.verdict.is_exact, report
    assert outcome.skipped == 0, report
    return outcome


@pytest.mark.timeout(400)
def test_every_kind_of_fault_leaves_every_count_exact(tmp_path: Path) -> None:
    size = Size(brokers=1, workers=1, sinks=1)
    outcome = drill(tmp_path, Drill(1, 20, 2_000, size, PINNED, EVERY_KIND_OF_FAULT, patience=240))
    assert outcome.injected.total() == len(EVERY_KIND_OF_FAULT)
    assert outcome.duplicates > 0
    assert outcome.sessions > 0


@pytest.mark.timeout(400)
def test_a_cluster_that_loses_a_leader_keeps_every_count_exact(tmp_path: Path) -> None:
    faults = [
        Planned(3, Kill(Role.BROKER, 1, down=0)),
        Planned(6, ChangeMeters()),
        Planned(8, Kill(Role.WORKER, 1, down=0)),
    ]
    size = Size(brokers=3, workers=1, sinks=1)
    outcome = drill(tmp_path, Drill(2, 15, 1_000, size, PINNED, faults, patience=240))
    assert outcome.injected["kill kafka"] == 1
