"""What becomes of a job whose handler raised, and how long a worker waits."""

import pytest

from producers import BrokerUnavailableError, DeliveryError, InvalidEventError, PublishError
from producers.outbox.outcomes import outcome_of, pause_after


@pytest.mark.parametrize(
    "error", [DeliveryError([("e", "timed out")], 1), PublishError("away"), BrokerUnavailableError("away")]
)
def test_a_job_waits_for_its_destination(error: Exception) -> None:
    assert outcome_of(error).state == "postponed"


@pytest.mark.parametrize(
    "error", [InvalidEventError("tenant_id"), ValueError("x"), ConnectionError(), KeyError(1)]
)
def test_any_other_error_fails_the_job_and_is_its_reason(error: Exception) -> None:
    outcome = outcome_of(error)
    assert outcome.state == "failed"
    assert type(error).__name__ in outcome.reason


def test_a_reason_of_absurd_length_is_cut() -> None:
    assert len(outcome_of(ValueError("x" * 1_000_000)).reason) == 2_000


def test_pauses_grow_to_a_bound_and_end_with_the_trouble() -> None:
    longest = [pause_after(count, chance=1.0) for count in range(10)]
    assert longest == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert pause_after(1, chance=0.0) == 0.05
    assert pause_after(100_000, chance=1.0) == 5.0
