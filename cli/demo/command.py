"""`demo`: from nothing to a table of what was used, checked to the last digit."""

import logging
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.options import DEFAULT_STATE_DIR, StateDir

if TYPE_CHECKING:
    from cli.demo.scenario import Scenario

_COLUMNS: Final = (
    "meter_id",
    "tenant_id",
    "customer_id",
    "window_start",
    "window_end",
    "aggregation",
    "value",
    "event_count",
    "sum",
)


def demo(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Publish usage and check what was counted.

    Brings the stack up, prints the rollups and the SQL that gives them, and compares every total.

    Uses the stack that is up in the state directory, or starts one and stops it again. Each run has tenants
    of its own and checks exactly those.
    """
    from cli.extras import WHOLE_STACK, require_extras

    require_extras("meterstream demo", WHOLE_STACK)
    from cli.demo.stack import running_stack

    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with running_stack(state_dir, typer.echo) as endpoints:
        _show(endpoints.kafka_bootstrap_servers, endpoints.clickhouse_url, state_dir)
        # The stack ends before the producer that this process shares: what that says of it is no news.
        logging.getLogger("producers.kafka").disabled = True
    typer.echo(f"Done in {time.monotonic() - began:.1f} s.")


def _show(kafka: str, clickhouse: str, state_dir: Path) -> None:
    from cli.demo.publishing import publish
    from cli.demo.scenario import scenario
    from producers import apply_meters
    from schemas import catalogue

    applied = apply_meters(kafka, catalogue())
    news = sum(each.outcome == "published" for each in applied)
    typer.echo(f"\nMeters: the {len(applied)} of the catalogue, {news} of them new or changed.")
    planned = scenario(f"demo-{secrets.token_hex(4)}", time.time_ns() // 1_000_000)
    began = time.monotonic()
    calls = publish(planned, kafka)
    typer.echo(
        f"Published {len(planned.uses)} uses by post_meter_usage and {len(planned.sessions)} sessions by "
        f"post_ai_meter_usage: {calls} calls, all acknowledged."
    )
    rollups = _await_rollups(planned, clickhouse)
    typer.echo(f"In ClickHouse {time.monotonic() - began:.1f} s after the first call.")
    _print_rollups(planned, rollups)
    _print_totals(planned, rollups)
    _print_rules(planned, clickhouse)
    typer.echo(f"\nMore: meterstream usage --state-dir {state_dir} (while `meterstream up` runs)")


def _await_rollups(planned: "Scenario", clickhouse: str) -> list[dict[str, Any]]:
    from cli.demo.checking import counted, differences
    from cli.demo.queries import ROLLUPS, select
    from cli.demo.scenario import expected
    from cli.demo.waiting import await_without_faults

    sql = ROLLUPS.substitute(run=planned.run)
    wanted = expected(planned)
    return await_without_faults(
        lambda: select(clickhouse, sql),
        lambda rows: differences(wanted, counted(rows)),
        "meter_usage does not hold what was published",
    )


def _print_rollups(planned: "Scenario", rollups: list[dict[str, Any]]) -> None:
    from cli.demo.queries import ROLLUPS
    from cli.tables import print_table

    typer.echo(f"\n{ROLLUPS.substitute(run=planned.run)}\n")
    rows = [[str(row[name]) for name in _COLUMNS] for row in rollups]
    print_table(_COLUMNS, rows, right=frozenset({"value", "event_count", "sum"}))


def _print_totals(planned: "Scenario", rollups: list[dict[str, Any]]) -> None:
    from cli.demo.checking import counted, totals
    from cli.demo.scenario import expected
    from cli.tables import print_table

    published, found = totals(expected(planned)), totals(counted(rollups))
    rows = [
        (meter, f"{each.total.normalize():f}", f"{found[meter].total.normalize():f}", str(each.events))
        for meter, each in published.items()
    ]
    typer.echo("\nTotals, of sessions in milliseconds:")
    print_table(
        ("meter_id", "published", "counted", "events"),
        rows,
        right=frozenset({"published", "counted", "events"}),
    )
    typer.echo(f"All {len(rollups)} windows and all totals equal what was published, exactly.")


def _print_rules(planned: "Scenario", clickhouse: str) -> None:
    from cli.demo.queries import RULES, curl, select
    from cli.demo.scenario import expected_rules
    from cli.demo.waiting import await_without_faults

    sql = RULES.substitute(run=planned.run)
    wanted = [{"rule_id": rule, "events": count} for rule, count in sorted(expected_rules(planned).items())]
    typer.echo(f"\nThe raw events, over plain HTTP:\n$ {curl(clickhouse, sql)}")
    rows = await_without_faults(
        lambda: select(clickhouse, sql),
        lambda answer: [] if answer == wanted else [f"expected {wanted}", f"found {answer}"],
        "raw_usage_events does not hold what was published",
    )
    for row in rows:
        typer.echo(f"{row['rule_id']}\t{row['events']}")
