import pytest

from tests.chaos.schedule import (
    EVERYTHING,
    KILLED_WORKERS,
    SESSION_SECONDS,
    ChangeMeters,
    Deploy,
    Freeze,
    Kill,
    KillAtPin,
    Planned,
    Restart,
    Role,
    Scale,
    Size,
    schedule,
)

SIZE = Size(brokers=3, workers=1, sinks=2)
MINUTES_10 = 600.0


def hits(planned: list[Planned], role: Role) -> list[Planned]:
    return [each for each in planned if isinstance(each.fault, Kill | Freeze) and each.fault.role is role]


def test_a_seed_always_gives_the_same_schedule_and_another_one_another() -> None:
    assert schedule(1, MINUTES_10, SIZE) == schedule(1, MINUTES_10, SIZE)
    assert schedule(1, MINUTES_10, SIZE) != schedule(2, MINUTES_10, SIZE)


def test_faults_come_in_order_and_not_after_the_load() -> None:
    times = [each.at for each in schedule(3, MINUTES_10, SIZE)]
    assert times == sorted(times)
    assert all(0 <= each.at < MINUTES_10 for each in schedule(3, MINUTES_10, SIZE))


@pytest.mark.parametrize("seed", range(20))
def test_of_one_role_one_process_is_away_at_a_time(seed: int) -> None:
    planned = schedule(seed, MINUTES_10, SIZE)
    for role, pace in EVERYTHING.paces.items():
        over = 0.0
        for each in hits(planned, role):
            assert each.at >= over
            away = each.fault.down if isinstance(each.fault, Kill) else each.fault.seconds
            over = each.at + away + pace.recovery


def test_every_role_is_killed_and_all_but_the_load_are_stopped_past_their_session() -> None:
    planned = schedule(1, 3_600, SIZE)
    for role in Role:
        faults = [each.fault for each in hits(planned, role)]
        assert any(isinstance(fault, Kill) for fault in faults)
        if role is not Role.LOAD:
            assert any(isinstance(fault, Freeze) and fault.seconds > SESSION_SECONDS for fault in faults)
            assert any(isinstance(fault, Freeze) and fault.seconds < SESSION_SECONDS for fault in faults)


def test_workers_become_three_and_then_two() -> None:
    faults = [each.fault for each in schedule(1, MINUTES_10, SIZE)]
    assert [fault.workers for fault in faults if isinstance(fault, Scale)] == [3, 2]


def test_only_processes_that_run_are_hit() -> None:
    for seed in range(20):
        workers = SIZE.workers
        for each in schedule(seed, MINUTES_10, SIZE):
            if isinstance(each.fault, Scale):
                workers = each.fault.workers
            elif isinstance(each.fault, Kill | Freeze) and each.fault.role is Role.WORKER:
                assert 1 <= each.fault.number <= workers


def test_a_deployment_restarts_every_worker_and_sink_one_after_another() -> None:
    planned = schedule(1, MINUTES_10, SIZE)
    deployed = next(each.at for each in planned if isinstance(each.fault, Deploy))
    restarts = [each for each in planned if isinstance(each.fault, Restart)]
    assert [(each.fault.role, each.fault.number) for each in restarts] == [
        *((Role.WORKER, number) for number in (1, 2, 3)),
        *((Role.SINK, number) for number in (1, 2)),
    ]
    assert all(each.at >= deployed for each in restarts)
    assert len({each.at for each in restarts}) == len(restarts)


def test_faults_say_what_happens() -> None:
    assert str(Kill(Role.SINK, 2, 1.25)) == "kill sink-2, back after 1.2 s"
    assert str(Freeze(Role.BROKER, 1, 8.0)) == "stop kafka-1 for 8.0 s"
    assert all("(" not in str(each.fault) for each in schedule(1, MINUTES_10, SIZE))


def test_the_meters_change_once() -> None:
    assert sum(isinstance(each.fault, ChangeMeters) for each in schedule(1, MINUTES_10, SIZE)) == 1


def test_what_finds_an_early_commit_kills_workers_and_nothing_else() -> None:
    planned = schedule(1, 120, SIZE, KILLED_WORKERS)
    assert sum(isinstance(each.fault, KillAtPin) for each in planned) >= 8
    assert {type(each.fault) for each in planned} == {KillAtPin, ChangeMeters}
