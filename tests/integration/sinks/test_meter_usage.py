from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas import AggregationType

FIRST = 1_700_000_040
COLUMNS = [
    "tenant_id",
    "environment_id",
    "meter_id",
    "customer_id",
    "group",
    "window_start",
    "window_end",
    "aggregation",
    "value",
    "event_count",
    "sum",
    "avg",
    "min",
    "max",
    "latest",
    "unique_count",
]


def test_the_columns_are_those_of_the_readme_in_their_order(metering: Any) -> None:
    assert metering.client.query("SELECT * FROM meter_usage LIMIT 0").column_names == tuple(COLUMNS)
    types = dict(
        metering.client.query(
            "SELECT name, type FROM system.columns "
            "WHERE database = currentDatabase() AND table = 'meter_usage'"
        ).result_rows
    )
    assert types["value"] == "Decimal(76, 18)"
    assert types["group"] == "Map(String, String)"
    assert types["window_start"] == types["window_end"] == "DateTime('UTC')"


def test_versions_and_origins_are_summed_into_one_row(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    metering.insert(
        rollup(tenant, "count", "COUNT", event_count=3),
        rollup(tenant, "count", "COUNT", event_count=4, source_partition=1),
        rollup(tenant, "count", "COUNT", event_count=5, chunk_start=100),
        rollup(tenant, "count", "COUNT", event_count=6, source_topic_id="made anew"),
        rollup(tenant, "count", "COUNT", event_count=7, meter_version=2),
    )
    assert metering.usage(tenant, "value, event_count, window_end") == [
        (Decimal(25), 25, datetime.fromtimestamp(FIRST + 60, UTC).replace(tzinfo=None))
    ]


def test_a_replaced_row_never_counts_in_whatever_order_it_came(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.insert(rollup(tenant, "m", "SUM", row_version=9, event_count=2, sum=Decimal(20)))
    metering.insert(rollup(tenant, "m", "SUM", row_version=5, event_count=1, sum=Decimal(10)))
    assert metering.usage(tenant, "value, event_count") == [(Decimal(20), 2)]


def test_inserting_twice_changes_nothing(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    for _ in range(2):
        metering.insert(rollup(tenant, "m", "SUM", event_count=2, sum=Decimal("1.5")))
    assert metering.usage(tenant, "value, event_count") == [(Decimal("1.5"), 2)]


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [
        ("SUM", "10"),
        ("AVG", "3.333333333333333333"),
        ("MIN", "-7"),
        ("MAX", "9.5"),
        ("LATEST", "2"),
        ("COUNT", "3"),
    ],
)
def test_the_value_is_the_statistic_of_the_aggregation(
    metering: Any, rollup: Any, fresh: Any, aggregation: str, value: str
) -> None:
    tenant = fresh("tenant")
    time = FIRST * 1000 + 5
    metering.insert(
        rollup(
            tenant,
            "m",
            aggregation,
            event_count=1,
            sum=Decimal(4),
            min=Decimal(1),
            max=Decimal("9.5"),
            latest=Decimal(1),
            latest_timestamp=time,
            latest_offset=50,
        ),
        rollup(
            tenant,
            "m",
            aggregation,
            event_count=2,
            source_partition=1,
            sum=Decimal(6),
            min=Decimal(-7),
            max=Decimal(3),
            latest=Decimal(2),
            latest_timestamp=time,
            latest_offset=1,
        ),
    )
    assert metering.usage(tenant, "value") == [(Decimal(value),)]


@pytest.mark.parametrize(
    "aggregation", [kind for kind in AggregationType if kind is not AggregationType.COUNT]
)
def test_a_value_is_never_null(metering: Any, rollup: Any, fresh: Any, aggregation: str) -> None:
    tenant = fresh("tenant")
    metering.insert(rollup(tenant, "m", aggregation))
    assert metering.usage(tenant, "value") == [(Decimal(0),)]


@pytest.mark.parametrize(
    ("unit", "value"),
    [("hours", "1.5"), ("minutes", "90"), ("seconds", "5400"), ("milliseconds", "5400000"), ("", "5400000")],
)
def test_a_duration_is_in_the_meters_unit_and_its_sum_in_milliseconds(
    metering: Any, rollup: Any, fresh: Any, unit: str, value: str
) -> None:
    tenant = fresh("tenant")
    session = {"source_topic_id": "", "source_partition": -1, "chunk_start": -1}
    metering.insert(
        rollup(tenant, "m", "DURATION", unit=unit, sum=Decimal(3_600_000), source_session="a", **session),
        rollup(tenant, "m", "DURATION", unit=unit, sum=Decimal(1_800_000), source_session="b", **session),
    )
    assert metering.usage(tenant, "value, sum, event_count") == [(Decimal(value), Decimal(5_400_000), 2)]


def test_a_sessions_later_window_counts_and_one_a_correction_left_is_none(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    windows = [
        {"window_start": FIRST + 60 * number, "window_end": FIRST + 60 + 60 * number} for number in range(3)
    ]
    metering.insert(
        rollup(tenant, "m", "DURATION", event_count=1, sum=Decimal(0), **windows[0]),
        rollup(tenant, "m", "DURATION", event_count=0, sum=Decimal(7), **windows[1]),
        rollup(tenant, "m", "DURATION", event_count=0, sum=Decimal(0), **windows[2]),
        rollup(tenant, "n", "COUNT", event_count=0),
    )
    assert metering.usage(tenant, "value, event_count, avg") == [
        (Decimal(0), 1, Decimal(0)),
        (Decimal(7), 0, None),
    ]


def test_groups_are_rows_of_their_own_whatever_the_order_of_their_keys(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.insert(
        rollup(tenant, "m", "COUNT", group={"model": "a", "region": "eu"}),
        rollup(tenant, "m", "COUNT", group={"region": "eu", "model": "a"}, source_partition=1),
        rollup(tenant, "m", "COUNT", group={"model": "b", "region": "eu"}),
    )
    rows = sorted(metering.usage(tenant, "group['model'], event_count"))
    assert rows == [("a", 2), ("b", 1)]


def test_the_highest_version_decides_where_versions_aggregate_differently(
    metering: Any, rollup: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.insert(
        rollup(tenant, "m", "COUNT", event_count=5),
        rollup(tenant, "m", "SUM", event_count=2, sum=Decimal(9), meter_version=2),
    )
    assert metering.usage(tenant, "aggregation, value, event_count") == [("SUM", Decimal(9), 7)]


def test_the_largest_sums_are_exact(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    chunk = Decimal("262144000000000000000.000000000000000001")
    metering.insert(
        *(rollup(tenant, "sum", "SUM", event_count=262_144, sum=chunk, chunk_start=n) for n in range(50)),
        rollup(tenant, "tiny", "MIN", min=Decimal("-999999999999999.999999999999999999")),
    )
    total, least = metering.usage(tenant, "toString(value)")
    assert total == ("13107200000000000000000.00000000000000005",)
    assert least == ("-999999999999999.999999999999999999",)


def test_a_value_counts_once_however_many_origins_and_versions_found_it(
    metering: Any, rollup: Any, distinct_value: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    for origin in ({}, {"source_partition": 1}, {"chunk_start": 9}, {"meter_version": 2}):
        metering.insert(rollup(tenant, "m", "COUNT_UNIQUE", event_count=5, **origin))
        metering.insert_values(
            distinct_value(tenant, "m", "ann", **origin), distinct_value(tenant, "m", "bob", **origin)
        )
    metering.insert_values(distinct_value(tenant, "m", "", chunk_start=9))
    assert metering.usage(tenant, "value, unique_count, event_count") == [(Decimal(3), 3, 20)]


def test_values_belong_to_their_window_group_customer_and_environment(
    metering: Any, rollup: Any, distinct_value: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    places = [
        {},
        {"customer_id": "d"},
        {"environment_id": "test"},
        {"group": {"model": "a", "size": "1"}},
        {"window_start": FIRST + 60, "window_end": FIRST + 120},
        {"window_end": FIRST + 3_600, "meter_version": 2},
    ]
    for number, place in enumerate(places):
        metering.insert(rollup(tenant, "m", "COUNT_UNIQUE", event_count=9, **place))
        turned = {**place, "group": dict(reversed(place.get("group", {}).items()))}
        metering.insert_values(
            *(distinct_value(tenant, "m", f"v{value}", **turned) for value in range(number + 1))
        )
    assert sorted(metering.usage(tenant, "unique_count")) == [(number,) for number in range(1, 7)]


def test_a_value_taken_back_counts_no_more_and_one_replaced_counts_once(
    metering: Any, rollup: Any, distinct_value: Any, fresh: Any
) -> None:
    tenant = fresh("tenant")
    metering.insert(rollup(tenant, "m", "COUNT_UNIQUE", event_count=3))
    metering.insert_values(
        distinct_value(tenant, "m", "ann", row_version=9, present=False),
        distinct_value(tenant, "m", "bob", row_version=9),
    )
    metering.insert_values(
        distinct_value(tenant, "m", "ann", row_version=3), distinct_value(tenant, "m", "bob", row_version=3)
    )
    assert metering.usage(tenant, "value, unique_count") == [(Decimal(1), 1)]


def test_only_count_unique_has_a_unique_count(metering: Any, rollup: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    metering.insert(rollup(tenant, "m", "COUNT"), rollup(tenant, "n", "COUNT_UNIQUE"))
    assert metering.usage(tenant, "aggregation, unique_count") == [("COUNT", None), ("COUNT_UNIQUE", 0)]


def test_values_without_their_rollup_are_no_window(metering: Any, distinct_value: Any, fresh: Any) -> None:
    tenant = fresh("tenant")
    metering.insert_values(distinct_value(tenant, "m", "early"))
    assert metering.usage(tenant, "value") == []


def test_completeness_is_the_slowest_partition_of_the_newest_topic(metering: Any, fresh: Any) -> None:
    topic = fresh("topic")
    metering.client.insert(
        "usage_chunks",
        [
            (topic, f"{topic}-old", 0, 0, 1, 1_000, 2_000),
            (topic, f"{topic}-new", 0, 0, 1, 5_000, 6_000),
            (topic, f"{topic}-new", 0, 9, 1, 7_000, 8_000),
            (topic, f"{topic}-new", 1, 0, 1, 5_000, 7_500),
            (topic, f"{topic}-new", 1, 0, 2, 5_000, 7_900),
        ],
        [
            "topic",
            "topic_id",
            "partition",
            "chunk_start",
            "row_version",
            "first_append_time",
            "last_append_time",
        ],
    )
    rows = metering.client.query(
        "SELECT topic_id, partitions, toUnixTimestamp64Milli(complete_through), slowest_partition "
        "FROM completeness WHERE topic = %(topic)s",
        {"topic": topic},
    ).result_rows
    assert list(rows) == [(f"{topic}-new", 2, 7_900, 1)]
