"""`faust -A stream.sessions worker` on a real broker: sessions in, rows and state changes out."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas import SESSION_BOUNDARIES, SOURCE_HEADERS

MARK = (int(time.time()) // 3600 - 6) * 3_600_000  # a full hour: what is older than a day expires
HOUR = 3_600_000
Wait = Callable[..., None]

pytestmark = pytest.mark.usefixtures("running_worker")


def test_a_start_and_its_end_give_their_rows_over_an_hour(
    tenant: Any, published: Any, eventually: Wait
) -> None:
    tenant.send(session_id="s1", start_time=MARK - 500)
    eventually(lambda: published.read().states("s1") == ["open"], within=60)
    assert published.rows == {}
    tenant.send(session_id="s1", end_time=MARK + HOUR + 7)
    eventually(lambda: published.read().rows)
    assert published.windows("/s1") == {
        MARK - HOUR: ("500", 1),
        MARK: (str(HOUR), 0),
        MARK + HOUR: ("7", 0),
    }
    eventually(lambda: published.read().states("s1") == ["open", "completed"])
    assert published.sessions[-1]["duration_ms"] == HOUR + 507


def test_an_end_waits_for_its_start(tenant: Any, published: Any, eventually: Wait) -> None:
    tenant.send(session_id="s1", end_time=MARK + 10)
    tenant.send(session_id="s1", start_time=MARK - 10)
    eventually(lambda: published.read().states("s1") == ["waiting", "completed"], within=60)
    eventually(lambda: published.read().rows)
    assert published.windows("/s1") == {MARK - HOUR: ("10", 1), MARK: ("10", 0)}


def test_repeated_boundaries_change_nothing(tenant: Any, published: Any, eventually: Wait) -> None:
    for moments in ({"start_time": MARK}, {"end_time": MARK + 5}) * 3:
        tenant.send(session_id="s1", **moments)
    tenant.send(session_id="last", start_time=MARK, end_time=MARK + 1)
    eventually(lambda: published.read().windows("/last"), within=60)
    eventually(lambda: published.read().windows("/s1") == {MARK: ("5", 1)})


def test_a_forwarded_boundary_sent_again_is_the_same_boundary(
    tenant: Any, published: Any, eventually: Wait
) -> None:
    headers = list(zip(SOURCE_HEADERS, (b"events-id", b"0", b"5"), strict=True))
    forwarded = tenant.boundary(session_id="s1", start_time=MARK, end_time=MARK + 5)
    other = tenant.boundary(session_id="s1", end_time=MARK + 9)
    tenant.send_raw(forwarded.to_json(), forwarded.key, headers)
    tenant.send_raw(other.to_json(), other.key, headers)
    tenant.send(session_id="s1", end_time=MARK + 7)
    eventually(lambda: published.read().windows("/s1") == {MARK: ("7", 1)}, within=60)


def test_a_device_without_session_ids_is_a_switch(tenant: Any, published: Any, eventually: Wait) -> None:
    for moments in (
        {"start_time": MARK},
        {"start_time": MARK + 1},
        {"end_time": MARK + 10},
        {"start_time": MARK + 20},
        {"end_time": MARK + 25},
    ):
        tenant.send(device_id="d1", **moments)
    eventually(lambda: len(published.read().rows) == 2, within=60)
    assert published.windows("/d1/") == {MARK: ("10", 1)}
    assert published.windows("/d1/#2") == {MARK: ("5", 1)}


def test_what_is_no_boundary_is_a_dead_letter_and_the_worker_goes_on(
    tenant: Any, published: Any, eventually: Wait
) -> None:
    broken = b'{"tenant_id": "' + tenant.name.encode()
    key = tenant.boundary(session_id="s1", start_time=MARK).key
    tenant.send_raw(broken, key)
    tenant.send(session_id="s1", start_time=MARK, end_time=MARK - 1)
    tenant.send(session_id="s1", start_time=MARK, end_time=MARK + 1)
    eventually(lambda: published.read().windows("/s1") == {MARK: ("1", 1)}, within=60)
    eventually(lambda: len(published.read().letters) == 2)
    assert [letter.reason for letter in published.letters] == ["boundary_invalid", "end_before_start"]
    assert {letter.topic for letter in published.letters} == {SESSION_BOUNDARIES}
    assert published.refused[0] == broken


def test_a_boundary_of_an_aborted_transaction_does_not_count(
    tenant: Any, published: Any, eventually: Wait, kafka_with_topics: str, fresh: Any
) -> None:
    transactional = Producer(
        {
            "log_level": 0,
            "bootstrap.servers": kafka_with_topics,
            "transactional.id": fresh("aborting"),
            "partitioner": "murmur2_random",
        }
    )
    transactional.init_transactions(30)
    transactional.begin_transaction()
    aborted = tenant.boundary(session_id="s1", start_time=MARK - HOUR)
    transactional.produce(SESSION_BOUNDARIES, aborted.to_json(), aborted.key)
    transactional.flush(30)
    transactional.abort_transaction(30)
    tenant.send(session_id="s1", start_time=MARK)
    tenant.send(session_id="s1", end_time=MARK + 3)
    eventually(lambda: published.read().rows, within=60)
    assert published.windows("/s1") == {MARK: ("3", 1)}
