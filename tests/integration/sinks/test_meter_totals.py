"""Running totals of meters that are never reset."""

from decimal import Decimal
from typing import Any

import pytest

from schemas import Aggregation, Meter, ResetUsage

FIRST = 1_700_000_040


def never_reset(tenant: str, meter: str, aggregation: str = "SUM", **fields: Any) -> Meter:
    return Meter.model_validate(
        {
            "id": meter,
            "tenant_id": tenant,
            "event_name": "stored",
            "name": "M",
            "aggregation": Aggregation.model_validate({"type": aggregation, "field": "f"}),
            "reset_usage": ResetUsage.NEVER,
        }
        | fields
    )


def window(number: int) -> dict[str, int]:
    return {"window_start": FIRST + 60 * number, "window_end": FIRST + 60 * number + 60}


def totals(metering: Any, tenant: str, columns: str = "toString(value), toString(total)") -> list[Any]:
    query = (
        f"SELECT {columns} FROM meter_totals WHERE tenant_id = %(tenant)s "
        "ORDER BY environment_id, meter_id, customer_id, toString(`group`), window_start"
    )
    return list(metering.client.query(query, {"tenant": tenant}).result_rows)


def test_the_columns_and_their_types(metering: Any) -> None:
    described = metering.client.query("DESCRIBE meter_totals").result_rows
    columns = {name: kind for name, kind, *_ in described}
    assert list(columns) == [
        "tenant_id",
        "environment_id",
        "meter_id",
        "customer_id",
        "group",
        "window_start",
        "window_end",
        "aggregation",
        "value",
        "total",
    ]
    assert columns["value"] == columns["total"] == "Decimal(76, 18)"


def test_sums_add_up_exactly_where_floats_would_not(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    metering.define(never_reset(tenant, "m"))
    large, small, tiny = "262144000000000000000.000000000000000001", "-0.1", "0.000000000000000002"
    metering.insert(
        rollup(tenant, "m", "SUM", sum=Decimal(small), **window(1)),
        rollup(tenant, "m", "SUM", sum=Decimal(tiny), **window(5)),
        rollup(tenant, "m", "SUM", sum=Decimal(large), **window(0)),
        rollup(tenant, "m", "SUM", sum=Decimal(tiny), source_partition=1, **window(5)),
    )
    assert totals(metering, tenant) == [
        (large, large),
        (small, "262143999999999999999.900000000000000001"),
        ("0.000000000000000004", "262143999999999999999.900000000000000005"),
    ]


@pytest.mark.parametrize(
    ("aggregation", "values", "running"),
    [
        ("COUNT", ["2", "1", "3"], ["2", "3", "6"]),
        ("AVG", ["0.5", "4", "1"], ["0.5", "1.666666666666666666", "1.333333333333333333"]),
        ("MIN", ["3", "-7.1", "2"], ["3", "-7.1", "-7.1"]),
        (
            "MAX",
            ["4", "3", "999999999999999.000000000000000009"],
            ["4", "4", "999999999999999.000000000000000009"],
        ),
        ("LATEST", ["10", "20", "30"], ["10", "20", "30"]),
        ("DURATION", ["0.000001", "0.000004", "0.000003"], ["0.000001", "0.000005", "0.000008"]),
    ],
)
def test_each_aggregation_runs_in_its_own_way(
    metering: Any, rollup: Any, fresh: Any, aggregation: str, values: list[str], running: list[str]
) -> None:
    tenant = fresh("tenant")
    metering.define(never_reset(tenant, "m", aggregation))
    statistics: list[dict[str, Any]] = [
        {"event_count": 2, "sum": "1", "min": "3", "max": "4", "latest": "10", "latest_offset": 9},
        {"event_count": 1, "sum": "4", "min": "-7.1", "max": "3", "latest": "20", "latest_offset": 5},
        {
            "event_count": 3,
            "sum": "3",
            "min": "2",
            "max": "999999999999999.000000000000000009",
            "latest": "30",
            "latest_offset": 1,
        },
    ]
    unit = {"unit": "seconds"} if aggregation == "DURATION" else {}
    metering.insert(
        *(
            rollup(
                tenant,
                "m",
                aggregation,
                latest_timestamp=FIRST * 1000 + number,
                **window(number),
                **row,
                **unit,
            )
            for number, row in enumerate(statistics)
        )
    )
    if aggregation == "DURATION":
        values = [str(Decimal(value) * 1000) for value in values]
        running = [str(Decimal(value) * 1000) for value in running]
    assert [(Decimal(one), Decimal(other)) for one, other in totals(metering, tenant)] == [
        (Decimal(one), Decimal(other)) for one, other in zip(values, running, strict=True)
    ]


def test_the_newest_value_so_far_goes_by_event_time_where_windows_overlap(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.define(never_reset(tenant, "m", "LATEST"))
    hour = {"window_start": FIRST, "window_end": FIRST + 3_600, "meter_version": 2}
    metering.insert(
        rollup(tenant, "m", "LATEST", latest=1, latest_timestamp=10, latest_offset=0, **window(0)),
        rollup(tenant, "m", "LATEST", latest=9, latest_timestamp=90, latest_offset=2, **hour),
        rollup(tenant, "m", "LATEST", latest=2, latest_timestamp=20, latest_offset=1, **window(1)),
    )
    assert totals(metering, tenant) == [("1", "1"), ("9", "9"), ("2", "9")]


def test_distinct_values_are_told_apart_over_all_windows_so_far(
    metering: Any, rollup: Any, distinct_value: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.define(never_reset(tenant, "m", "COUNT_UNIQUE"))
    for number, found in enumerate((["a", "b"], ["b"], ["a", "c", "d"])):
        metering.insert(rollup(tenant, "m", "COUNT_UNIQUE", event_count=9, **window(number)))
        metering.insert_values(*(distinct_value(tenant, "m", value, **window(number)) for value in found))
    assert totals(metering, tenant) == [("2", "2"), ("1", "2"), ("3", "4")]


def test_customers_groups_meters_and_environments_run_apart(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    metering.define(never_reset(tenant, "m", environment_id="*"), never_reset(tenant, "n"))
    places: list[dict[str, Any]] = [
        {},
        {"customer_id": "d"},
        {"group": {"k": "v"}},
        {"environment_id": "test"},
    ]
    for number in range(2):
        metering.insert(*(rollup(tenant, "m", "SUM", sum=1, **place, **window(number)) for place in places))
        metering.insert(rollup(tenant, "n", "SUM", sum=1, **window(number)))
    assert totals(metering, tenant, "toInt64(total)") == [(1,), (2,)] * 5


def test_a_total_is_never_null(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    kinds = ["SUM", "AVG", "MIN", "MAX", "LATEST", "COUNT_UNIQUE", "DURATION"]
    metering.define(*(never_reset(tenant, kind.lower(), kind) for kind in kinds))
    metering.insert(*(rollup(tenant, kind.lower(), kind) for kind in kinds))
    assert totals(metering, tenant) == [("0", "0")] * len(kinds)


def test_a_meter_that_is_reset_has_no_running_total_and_its_highest_version_decides(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    reset = ResetUsage.BILLING_PERIOD
    metering.define(
        never_reset(tenant, "always", reset_usage=reset),
        never_reset(tenant, "no longer", meter_version=1),
        never_reset(tenant, "no longer", meter_version=2, reset_usage=reset),
        never_reset(tenant, "since", meter_version=10),
        never_reset(tenant, "since", meter_version=9, reset_usage=reset),
    )
    metering.insert(
        *(rollup(tenant, meter, "SUM", sum=1) for meter in ("always", "no longer", "since", "undefined"))
    )
    assert totals(metering, tenant, "meter_id") == [("since",)]


def test_a_tenants_own_meter_decides_before_the_one_for_every_tenant(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant, other, kept, dropped = fresh("tenant"), fresh("other"), fresh("kept"), fresh("dropped")
    reset = ResetUsage.BILLING_PERIOD
    metering.define(
        never_reset("*", kept, environment_id="*", reset_usage=reset, meter_version=7),
        never_reset(tenant, kept, environment_id="*"),
        never_reset("*", dropped, environment_id="*"),
        never_reset("*", dropped, environment_id="default", meter_version=2, reset_usage=reset),
    )
    metering.insert(
        *(
            rollup(who, meter, "SUM", sum=1, environment_id=environment)
            for who in (tenant, other)
            for meter in (kept, dropped)
            for environment in ("default", "test")
        )
    )
    assert totals(metering, tenant, "environment_id, meter_id") == [
        ("default", kept),
        ("test", min(kept, dropped)),
        ("test", max(kept, dropped)),
    ]
    assert totals(metering, other, "environment_id, meter_id") == [("test", dropped)]
