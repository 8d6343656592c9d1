"""Two workers share the partitions; one sleeps past its session, one is killed: the rows stay exact."""

import signal
from collections.abc import Callable
from typing import Any


def test_a_worker_that_sleeps_past_its_session_and_one_that_is_killed_change_nothing(
    kafka_with_topics: str,
    start_worker: Callable[..., Any],
    new_usage: Any,
    new_rollups: Any,
    fresh: Any,
    eventually: Any,
) -> None:
    tenant = fresh("tenant")
    usage = new_usage(kafka_with_topics, tenant)
    rollups = new_rollups(kafka_with_topics, tenant)
    sleeper, victim = start_worker(kafka_with_topics, "sleeper"), start_worker(kafka_with_topics, "victim")
    usage.publish(4_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)

    usage.publish(4_000)
    sleeper.process.send_signal(signal.SIGSTOP)
    usage.publish(4_000)
    # By the other, once the session is over.
    eventually(lambda: rollups.counted() == usage.expected, within=60)
    usage.publish(4_000)
    sleeper.process.send_signal(signal.SIGCONT)
    usage.publish(4_000)
    victim.process.kill()
    victim.process.wait()
    start_worker(kafka_with_topics, "victim")
    usage.publish(4_000)
    eventually(lambda: rollups.counted() == usage.expected, within=60)
