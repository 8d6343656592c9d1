"""The traffic of the benchmarks is what it says it is."""

from benchmarks.traffic import Traffic
from schemas import UsageEvent, message_key

NOW = 1_767_225_600_000


def test_every_event_is_a_usage_event_of_its_own() -> None:
    traffic = Traffic(100, lambda number: NOW + number)
    events = [(key, UsageEvent.model_validate_json(value)) for key, value in traffic.events(0, 3_000)]

    assert len({event.event_id for _, event in events}) == 3_000
    assert all(key == message_key(event.tenant_id, event.customer_id) for key, event in events)
    assert {event.customer_id for _, event in events} == {f"c{number}" for number in range(100)}


def test_event_time_is_what_is_asked_for() -> None:
    ((_, value),) = Traffic(1, lambda number: NOW + number).events(5, 1)

    assert b'"timestamp":%d,' % (NOW + 5) in value


def test_two_sources_share_no_event() -> None:
    (one,) = Traffic(1, lambda _: NOW, source="a").events(0, 1)
    (other,) = Traffic(1, lambda _: NOW, source="b").events(0, 1)

    assert one != other
