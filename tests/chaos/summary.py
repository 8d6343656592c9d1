"""A run's outcome for people."""

from collections.abc import Iterator

from tests.chaos.drill import Outcome


def summary(outcome: Outcome) -> str:
    """What happened, what came of it and what it cost."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    verdict = outcome.verdict
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.injected.items()))
    yield f"faults        {outcome.injected.total()}: {faults}; {outcome.skipped} skipped"
    yield f"events        {outcome.events} published in {outcome.load_seconds:.0f} s"
    yield f"sessions      {outcome.sessions}"
    yield f"records       {outcome.records}, {outcome.duplicates} of them duplicates"
    yield f"catching up   {outcome.catch_up_seconds:.0f} s"
    cores = ", ".join(f"{name} {share:.2f}" for name, share in sorted(outcome.cores.items()))
    yield f"cores         {sum(outcome.cores.values()):.2f}: {cores}"
    yield f"own deaths    {len(outcome.deaths)}"
    yield from (f"  {death}" for death in outcome.deaths)
    yield f"lost          {verdict.lost} events"
    yield f"doubled       {verdict.doubled} events"
    yield from (f"  {meter}: {deviation}" for meter, deviation in verdict.meters.items())
    yield from (f"  {fault}" for fault in verdict.faults)
    yield "exact" if verdict.is_exact else "NOT EXACT"
