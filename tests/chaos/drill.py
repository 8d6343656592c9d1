"""One run: everything comes up, load goes on while faults happen, and in the end all must be right."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas import USAGE_EVENTS
from tests.chaos import meters
from tests.chaos.cluster import Cluster, Policy
from tests.chaos.counted import Counted, read_counted
from tests.chaos.home import Home
from tests.chaos.injection import Injection
from tests.chaos.plan import Kind, Plan
from tests.chaos.schedule import CHANGE_AT, Planned, Role, Size, name_of
from tests.chaos.settling import Settling
from tests.chaos.truth import Truth, fold
from tests.chaos.verdict import (
    Verdict,
    chunk_faults,
    compare_usage,
    outcome_faults,
    raw_faults,
    refusal_faults,
    rejection_faults,
)

_POLL_SECONDS: Final = 0.02
_LEAD_MS: Final = 1_000
_CHANGE_MARGIN: Final = 0.05
"""The changed meter is asked for this share of the run before the first event it counts."""
_CALM_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Drill:
    """What a run is to be."""

    seed: int
    seconds: float
    rate: int
    size: Size
    policy: Policy
    faults: list[Planned]
    patience: float = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        injected: Faults by kind and role.
        skipped: Faults for which the brokers were not whole enough.
        load_seconds: From the first event to the acknowledgement of the last.
        catch_up_seconds: From then until all was counted and stored.
        cores: What each process used of a core, over the whole run.
        deaths: What ended by itself.
    """

    verdict: Verdict
    injected: Counter[str]
    skipped: int
    events: int
    records: int
    duplicates: int
    sessions: int
    load_seconds: float
    catch_up_seconds: float
    cores: dict[str, float]
    deaths: list[str]


def run(drill: Drill, path: Path, say: Callable[[str], None]) -> Outcome:
    """Run a drill in a directory; all its processes have ended when this returns.

    Raises:
        DeployError, TimeoutError: something did not come up, or not everything was counted in time.
    """
    home = Home(path)
    cluster = Cluster(home, drill.size, drill.policy, say)
    try:
        cluster.start()
        say("up; the load begins")
        return _run(drill, cluster, say)
    finally:
        cluster.fleet.end()


def _run(drill: Drill, cluster: Cluster, say: Callable[[str], None]) -> Outcome:
    plan = _plan(drill)
    plan.save(cluster.home.plan)
    began = time.monotonic()
    cluster.start_load()
    injection = Injection(cluster, drill.faults, say)
    _await_load(drill, cluster, injection, began)
    loaded = time.monotonic()
    say(f"all events are acknowledged after {loaded - began:.0f} s")
    cluster.fleet.thaw_all()
    cluster.await_that(lambda: cluster.fleet.is_calm, "every process runs", _CALM_SECONDS)
    settling = Settling(cluster)
    _settle(settling, cluster, drill.patience, say)
    settled = time.monotonic()
    truth = fold(plan)
    counted = read_counted(cluster.clickhouse_url, (meters.PROBE_SIZE,))
    ends = settling.ends(USAGE_EVENTS)
    settling.close()
    return Outcome(
        judge(truth, counted, ends),
        injection.injected,
        injection.skipped,
        plan.events,
        sum(ends.values()),
        sum(chunk.duplicate for chunk in counted.chunks),
        len(truth.sessions),
        loaded - began,
        settled - loaded,
        {name: each.cpu_seconds / (settled - began) for name, each in cluster.fleet.members.items()},
        cluster.fleet.deaths,
    )


def _plan(drill: Drill) -> Plan:
    events = int(drill.rate * drill.seconds)
    change = int(events * (CHANGE_AT + _CHANGE_MARGIN))
    return Plan(drill.seed, int(time.time() * 1000) + _LEAD_MS, drill.rate, events, change)


def _await_load(drill: Drill, cluster: Cluster, injection: Injection, began: float) -> None:
    load = name_of(Role.LOAD, 1)
    deadline = began + drill.seconds + drill.patience
    while not (cluster.fleet.is_done(load) and injection.is_over):
        now = time.monotonic()
        if now >= deadline:
            raise TimeoutError(
                f"{cluster.home.acknowledged()} events are acknowledged after {now - began:.0f} s"
            )
        cluster.fleet.tick(now)
        injection.step(now - began)
        if cluster.fleet.is_done(load):
            injection.end_of_load()
        time.sleep(_POLL_SECONDS)


def _settle(settling: Settling, cluster: Cluster, seconds: float, say: Callable[[str], None]) -> None:
    def is_over() -> bool:
        return settling.is_over()

    try:
        cluster.await_that(is_over, "everything is counted and stored", seconds)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; {settling.lag()}; owned by nobody: {settling.unowned()}") from error
    say("everything is counted and stored")


def judge(truth: Truth, counted: Counted, ends: dict[int, int]) -> Verdict:
    """Compare everything."""
    return Verdict(
        compare_usage(counted.usage, truth.usage),
        [
            *chunk_faults(counted.chunks, ends),
            *raw_faults(counted.raw, ends),
            *outcome_faults(counted.chunks, truth),
            *rejection_faults(counted.rejected[""], counted.malformed, truth.events.get(Kind.MALFORMED, 0)),
            *refusal_faults(counted.rejected[meters.PROBE_SIZE], truth.events.get(Kind.PARTIAL, 0)),
        ],
    )
