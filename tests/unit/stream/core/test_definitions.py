"""Which version of which meter counts an event."""

from collections.abc import Callable

from stream.core.definitions import Definition, DefinitionSet

Make = Callable[..., Definition]


def counted_by(definitions: list[Definition], timestamp: int, tenant: str = "acme") -> list[tuple[str, int]]:
    spans = DefinitionSet(definitions).for_event(tenant, "default", "llm.request")
    return [
        (span.definition.meter_id, span.definition.meter_version)
        for span in spans
        if span.start <= timestamp < span.end
    ]


def test_a_later_version_takes_over_at_its_effective_time(definition: Make) -> None:
    versions = [definition(), definition(meter_version=2, effective_from=100)]

    assert counted_by(versions, 99) == [("requests", 1)]
    assert counted_by(versions, 100) == [("requests", 2)]


def test_a_version_effective_before_an_older_one_replaces_it_too(definition: Make) -> None:
    versions = [
        definition(),
        definition(meter_version=2, effective_from=100),
        definition(meter_version=3, effective_from=50),
    ]

    assert [counted_by(versions, moment) for moment in (49, 50, 100)] == [
        [("requests", 1)],
        [("requests", 3)],
        [("requests", 3)],
    ]


def test_before_the_first_version_is_effective_nothing_counts(definition: Make) -> None:
    assert counted_by([definition(effective_from=100)], 99) == []


def test_an_archived_version_counts_nothing_while_in_force(definition: Make) -> None:
    versions = [definition(), definition(meter_version=2, effective_from=100, published=False)]

    assert counted_by(versions, 99) == [("requests", 1)]
    assert counted_by(versions, 100) == []


def test_a_meter_enabled_again_counts_from_then_on_and_before_it_was_disabled(definition: Make) -> None:
    versions = [
        definition(),
        definition(meter_version=2, effective_from=100, published=False),
        definition(meter_version=3, effective_from=200),
    ]

    assert [counted_by(versions, moment) for moment in (99, 100, 199, 200)] == [
        [("requests", 1)],
        [],
        [],
        [("requests", 3)],
    ]


def test_a_meter_disabled_before_it_was_ever_in_force_never_counts(definition: Make) -> None:
    versions = [
        definition(effective_from=200),
        definition(meter_version=2, effective_from=100, published=False),
    ]

    assert [counted_by(versions, moment) for moment in (99, 100, 200)] == [[], [], []]


def test_a_tenants_archived_meter_hides_the_one_for_every_tenant(definition: Make) -> None:
    meters = [definition(), definition(tenant_id="acme", published=False)]

    assert counted_by(meters, 0) == []
    assert counted_by(meters, 0, tenant="other") == [("requests", 1)]


def test_a_tenants_own_meter_replaces_the_one_for_every_tenant(definition: Make) -> None:
    meters = [definition(), definition(tenant_id="acme", meter_version=7)]

    assert counted_by(meters, 0) == [("requests", 7)]
    assert counted_by(meters, 0, tenant="other") == [("requests", 1)]


def test_a_meter_for_the_environment_replaces_the_one_for_every_environment(definition: Make) -> None:
    meters = [definition(environment_id="default", meter_version=2), definition()]

    assert counted_by(meters, 0) == [("requests", 2)]


def test_a_new_version_may_count_another_event(definition: Make) -> None:
    versions = [definition(), definition(meter_version=2, effective_from=100, event_name="other")]

    assert counted_by(versions, 100) == []
    assert counted_by(versions, 99) == [("requests", 1)]


def test_other_events_and_tenants_do_not_match(definition: Make) -> None:
    assert counted_by([definition(event_name="other"), definition(tenant_id="umbrella")], 0) == []
