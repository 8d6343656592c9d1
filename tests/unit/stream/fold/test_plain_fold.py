"""Whatever the log, the meters and the fate of the workers: the core counts what a plain fold counts."""

from hypothesis import given, settings

from stream.core.wire import Boundary

from .histories import UNINTERRUPTED, Step, histories, journeys
from .plain_fold import History, plain_fold
from .plain_reading import SessionMark
from .worker import count

THOROUGHLY = settings(max_examples=3 * settings.default.max_examples)


@THOROUGHLY
@given(history=histories, journey=journeys)
def test_rows_outcomes_and_dead_letters_are_those_of_a_plain_fold(
    history: History, journey: list[Step]
) -> None:
    store, fold = count(history, journey), plain_fold(history)

    assert store.cells() == fold.cells
    assert store.outcomes() == fold.chunks
    assert store.letters == fold.letters
    assert {offset: _mark(boundary) for offset, boundary in store.forwarded.items()} == fold.forwarded


@THOROUGHLY
@given(history=histories, journey=journeys)
def test_deaths_and_batches_leave_no_trace_in_rows_and_pins(history: History, journey: list[Step]) -> None:
    died, uninterrupted = count(history, journey), count(history, UNINTERRUPTED)

    assert died.without_versions() == uninterrupted.without_versions()
    assert died.accounting == uninterrupted.accounting
    assert died.pins == uninterrupted.pins


def _mark(boundary: Boundary) -> SessionMark:
    return SessionMark(
        boundary.tenant_id,
        boundary.environment_id,
        boundary.customer_id,
        boundary.meter_id,
        boundary.start_time,
        boundary.end_time,
    )
