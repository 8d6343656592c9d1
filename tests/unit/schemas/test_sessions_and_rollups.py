"""Sessions, rollups and chunk accounting as they stand on their topics."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from schemas import ChunkAccounting, Rollup, Session, SessionBoundary, SessionState, session_key

BOUNDARY: dict[str, Any] = {
    "boundary_id": "b-1",
    "tenant_id": "acme",
    "customer_id": "c-1",
    "meter_id": "chat.on.time_hours",
    "device_id": "d-1",
}
ROLLUP: dict[str, Any] = {
    "tenant_id": "acme",
    "environment_id": "default",
    "meter_id": "tokens",
    "meter_version": 1,
    "customer_id": "c-1",
    "window_start": 1_767_182_400,
    "window_end": 1_767_182_460,
    "aggregation": "SUM",
    "row_version": 8,
    "event_count": 2,
}
CHUNK = dict.fromkeys(ChunkAccounting.model_fields, 0) | {"topic": "usage-events", "topic_id": "id"}


@pytest.mark.parametrize("times", [{"start_time": 0}, {"end_time": 5}, {"start_time": 9, "end_time": 5}])
def test_a_boundary_is_a_start_an_end_or_both_in_any_order(times: dict[str, int]) -> None:
    boundary = SessionBoundary.model_validate(BOUNDARY | times)
    assert SessionBoundary.from_json(boundary.to_json()) == boundary


def test_a_boundary_with_neither_start_nor_end_is_an_error() -> None:
    with pytest.raises(ValidationError, match="neither start_time nor end_time: give the one that happened"):
        SessionBoundary.model_validate(BOUNDARY)


def test_a_boundary_takes_its_session_from_its_metadata_unless_given_one() -> None:
    metadata = {"session_id": "s-1"}
    assert SessionBoundary.model_validate(BOUNDARY | {"start_time": 1}).session_id == ""
    from_metadata = SessionBoundary.model_validate(BOUNDARY | {"start_time": 1, "metadata": metadata})
    assert from_metadata.session_id == "s-1"
    given = SessionBoundary.model_validate(
        BOUNDARY | {"start_time": 1, "metadata": metadata, "session_id": "s-2"}
    )
    assert given.session_id == "s-2"


def test_a_session_id_from_metadata_is_bounded_like_any_other() -> None:
    with pytest.raises(ValidationError, match="at most 512 bytes"):
        SessionBoundary.model_validate(BOUNDARY | {"start_time": 1, "metadata": {"session_id": "s" * 513}})


def test_a_session_and_its_boundaries_share_a_key() -> None:
    boundary = SessionBoundary.model_validate(BOUNDARY | {"start_time": 1, "session_id": "s-1"})
    session = Session(
        tenant_id="acme",
        environment_id="default",
        customer_id="c-1",
        meter_id="chat.on.time_hours",
        device_id="d-1",
        session_id="s-1",
        state=SessionState.OPEN,
        started_at=1,
        version=1,
        updated_at=2,
    )
    expected = session_key("acme", "default", "c-1", "chat.on.time_hours", "d-1", "s-1")
    assert boundary.key == session.key == expected
    assert Session.from_json(session.to_json()) == session


def test_a_rollup_writes_decimals_as_plain_text_and_absent_statistics_as_null() -> None:
    rollup = Rollup.model_validate(ROLLUP | {"sum": Decimal("1E+3"), "min": "0.50", "max": 7})
    wire = orjson.loads(rollup.to_json())
    assert (wire["sum"], wire["min"], wire["max"], wire["latest"]) == ("1000", "0.5", "7", None)
    assert (wire["source_topic_id"], wire["source_partition"], wire["chunk_start"]) == ("", -1, -1)
    assert Rollup.from_json(rollup.to_json()) == rollup


def test_a_rollup_holds_a_sum_of_76_digits_exactly() -> None:
    total = "9" * 58 + "." + "9" * 18
    rollup = Rollup.model_validate(ROLLUP | {"sum": total})
    assert orjson.loads(rollup.to_json())["sum"] == total
    assert str(Rollup.from_json(rollup.to_json()).sum) == total


def test_a_rollup_is_one_line() -> None:
    assert b"\n" not in Rollup.model_validate(ROLLUP | {"group": {"region": "a\nb"}}).to_json()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "many"])
def test_a_statistic_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="sum"):
        Rollup.model_validate(ROLLUP | {"sum": value})


OUTCOMES = ("control", "forwarded", "duplicate", "rejected", "unmatched", "accepted")


def test_a_chunk_balances_when_each_record_has_one_outcome() -> None:
    outcomes = {name: 2**place for place, name in enumerate(OUTCOMES)}
    assert ChunkAccounting.model_validate(CHUNK | outcomes | {"read": 63, "meter_rejections": 9}).is_balanced


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_chunk_that_lost_a_record_does_not_balance(outcome: str) -> None:
    assert not ChunkAccounting.model_validate(CHUNK | {outcome: 1}).is_balanced
    assert ChunkAccounting.model_validate(CHUNK | {outcome: 1, "read": 1}).is_balanced
