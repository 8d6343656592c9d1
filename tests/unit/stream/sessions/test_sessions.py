"""Sessions out of boundaries: the same ones in any order, however often a boundary is repeated."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.lifetimes import DEFAULT_LIFETIMES, Lifetimes
from stream.core.rejections import Reason, RejectedError
from stream.core.session_rows import SessionKey, count_changed, rows_of
from stream.core.session_state import SessionsState, decode_state, encode_state, is_older
from stream.core.sessions import MAX_STATE_BYTES, Arrival, apply
from stream.core.switches import Statement
from stream.core.timestamps import DAY_MS

T = 1_700_000_000_000
HOUR = 3_600_000
KEPT = DEFAULT_LIFETIMES.kept
METER = Definition(
    tenant_id="acme",
    environment_id="default",
    meter_id="chat.on.time_hours",
    meter_version=1,
    event_name="chat.on.time_hours",
    aggregation=Aggregation.DURATION,
    field="",
    filters=(),
    group_by=(),
    window_ms=HOUR,
    unit="hours",
    effective_from=0,
    published=True,
)
KNOWN = DefinitionSet([METER])
SESSION = SessionKey("acme", "default", "c1", "chat.on.time_hours", "", "s1", "key-with-id")
SWITCH = SessionKey("acme", "default", "c1", "chat.on.time_hours", "d1", "", "key-of-device")


def started(moment: int, **metadata: str) -> Statement:
    return Statement(moment, None, metadata)


def ended(moment: int, **metadata: str) -> Statement:
    return Statement(None, moment, metadata)


def whole(start: int, end: int) -> Statement:
    return Statement(start, end, {})


class History:
    """A key's boundaries as they come, and the rows as ClickHouse keeps them: the highest version of each."""

    def __init__(self, key: SessionKey, lifetimes: Lifetimes = DEFAULT_LIFETIMES) -> None:
        self.key = key
        self.lifetimes = lifetimes
        self.state = SessionsState()
        self.refusals: list[RejectedError] = []
        self.rows: dict[tuple[object, ...], dict[str, object]] = {}
        self._offset = 0

    def take(self, *statements: Statement) -> "History":
        for statement in statements:
            self.take_at(self._offset, statement)
            self._offset += 1
        return self

    def take_at(self, offset: int, statement: Statement) -> None:
        arrival = Arrival("topic/0", offset, statement, timestamp=T + offset)
        state, refusal = apply(
            self.state, arrival, identified=bool(self.key.session_id), lifetimes=self.lifetimes
        )
        self.state, _ = count_changed(state, self.key, KNOWN)
        self.refusals += [refusal] if refusal else []
        for line in rows_of(self.state.changed(), self.key):
            row = msgspec.json.decode(line)
            identity = (row["source_session"], row["window_start"], row["meter_version"])
            if identity not in self.rows or self.rows[identity]["row_version"] <= row["row_version"]:
                self.rows[identity] = row

    @property
    def sessions(self) -> list[tuple[int | None, int | None]]:
        return [(entry.start, entry.end) for entry in self.state.entries]

    @property
    def usage(self) -> dict[int, tuple[int, int]]:
        """Milliseconds and sessions by window start, in epoch milliseconds."""
        milliseconds: Counter[int] = Counter()
        events: Counter[int] = Counter()
        for row in self.rows.values():
            milliseconds[row["window_start"] * 1000] += int(row["sum"] or 0)  # type: ignore[operator, call-overload]
            events[row["window_start"] * 1000] += row["event_count"]  # type: ignore[operator]
        return {
            window: (milliseconds[window], events[window])
            for window in milliseconds
            if milliseconds[window] or events[window]
        }

    @property
    def reasons(self) -> list[Reason]:
        return [refusal.reason for refusal in self.refusals]


def usage_of(*spans: tuple[int, int]) -> dict[int, tuple[int, int]]:
    """What sessions add to each hour, reckoned without the code under test."""
    usage: dict[int, tuple[int, int]] = {}
    for start, end in spans:
        for window in range(start // HOUR * HOUR, max(end, start + 1), HOUR):
            milliseconds, events = usage.get(window, (0, 0))
            inside = min(end, window + HOUR) - max(start, window)
            usage[window] = (milliseconds + inside, events + (window <= start))
    return usage


@pytest.mark.parametrize("key", [SESSION, SWITCH])
@given(data=st.data())
def test_a_session_is_the_same_in_any_order_and_with_any_repeats(
    key: SessionKey, data: st.DataObject
) -> None:
    start = data.draw(st.integers(T, T + DAY_MS))
    end = start + data.draw(st.integers(0, 3 * DAY_MS))
    boundaries = data.draw(st.permutations([started(start), ended(end)]))
    repeats = data.draw(st.lists(st.sampled_from([started(start), ended(end)]), max_size=4))

    history = History(key).take(*boundaries, *repeats)

    assert history.sessions == [(start, end)]
    assert history.usage == usage_of((start, end))
    assert sum(milliseconds for milliseconds, _ in history.usage.values()) == end - start
    assert sum(events for _, events in history.usage.values()) == 1
    assert history.refusals == []


@given(data=st.data())
def test_successive_sessions_of_a_switch_are_the_same_in_any_order(data: st.DataObject) -> None:
    moments = sorted(data.draw(st.sets(st.integers(T, T + 3 * DAY_MS), min_size=2, max_size=10)))
    spans = list(zip(moments[::2], moments[1::2], strict=False))
    boundaries = [boundary for start, end in spans for boundary in (started(start), ended(end))]
    order = data.draw(st.permutations(boundaries))

    history = History(SWITCH).take(*order)

    assert history.sessions == spans
    assert history.usage == usage_of(*spans)
    assert len({entry.sequence for entry in history.state.entries}) == len(spans)


@st.composite
def any_statements(draw: st.DrawFn, wholes_of_a_start: int = 1) -> list[Statement]:
    moments = st.integers(0, 60).map(lambda half_days: T + half_days * DAY_MS)
    starts = draw(st.sets(moments, max_size=6))
    ends = draw(st.sets(moments, max_size=6))
    days = st.sets(st.integers(0, 5), min_size=1, max_size=wholes_of_a_start)
    wholes = draw(st.dictionaries(moments, days, max_size=3))
    return [
        *map(started, starts),
        *map(ended, ends),
        *(whole(start, start + day * DAY_MS) for start, days in wholes.items() for day in days),
    ]


@given(statements=any_statements(wholes_of_a_start=3), data=st.data())
def test_whatever_a_switch_states_rows_add_up_to_its_sessions_at_every_step(
    statements: list[Statement], data: st.DataObject
) -> None:
    history = History(SWITCH)
    for statement in data.draw(st.permutations(statements)):
        known = {entry.sequence for entry in history.state.entries}
        forgotten = history.state.horizon
        history.take(statement)
        if forgotten == history.state.horizon == -1:
            complete = [span for span in history.sessions if None not in span]
            assert history.usage == usage_of(*complete)  # type: ignore[arg-type]
            assert known <= {entry.sequence for entry in history.state.entries}


@given(statements=any_statements(), data=st.data())
def test_a_switch_has_the_same_sessions_whatever_the_order_within_what_it_remembers(
    statements: list[Statement], data: st.DataObject
) -> None:
    near = [one for one in statements if one.latest < T + KEPT]
    one = History(SWITCH).take(*near)
    other = History(SWITCH).take(*data.draw(st.permutations(near)))
    assert one.sessions == other.sessions
    assert one.usage == other.usage


@given(statements=any_statements(), data=st.data())
def test_a_boundary_read_again_from_the_log_changes_nothing(
    statements: list[Statement], data: st.DataObject
) -> None:
    history = History(SWITCH).take(*statements)
    state, usage, refusals = history.state, history.usage, len(history.refusals)
    for offset in data.draw(st.lists(st.integers(0, max(0, len(statements) - 1)), max_size=5)):
        if statements:
            history.take_at(offset, statements[offset])
    assert history.state == state
    assert history.usage == usage
    assert len(history.refusals) == refusals


def test_a_second_start_while_a_switch_is_on_changes_nothing() -> None:
    history = History(SWITCH).take(started(T), started(T + HOUR), ended(T + 2 * HOUR))
    assert history.sessions == [(T, T + 2 * HOUR)]


def test_an_end_without_a_start_waits_for_it() -> None:
    history = History(SWITCH).take(ended(T))
    assert history.sessions == [(None, T)]
    assert history.usage == {}
    assert history.refusals == []
    history.take(started(T - 1))
    assert history.usage == usage_of((T - 1, T))


def test_the_second_session_of_a_switch_has_rows_of_its_own() -> None:
    history = History(SWITCH).take(started(T), ended(T + 1), started(T + 2), ended(T + 3))
    assert {row["source_session"] for row in history.rows.values()} == {"key-of-device", "key-of-device#2"}


def test_a_session_ends_where_the_next_of_the_switch_begins() -> None:
    history = History(SWITCH).take(started(T), ended(T + 5), started(T + 5), ended(T + 9))
    assert history.sessions == [(T, T + 5), (T + 5, T + 9)]


def test_an_end_before_the_start_of_a_switch_is_a_dead_letter_until_its_own_start_comes() -> None:
    history = History(SWITCH).take(started(T + HOUR), ended(T))
    assert history.reasons == [Reason.END_BEFORE_START]
    assert history.usage == {}
    history.take(started(T - HOUR), ended(T + 2 * HOUR))
    assert history.usage == usage_of((T - HOUR, T), (T + HOUR, T + 2 * HOUR))


@pytest.mark.parametrize("boundaries", [(started(T), ended(T - 1)), (ended(T - 1), started(T))])
def test_an_end_before_the_start_of_a_session_with_an_id_is_a_dead_letter(
    boundaries: Sequence[Statement],
) -> None:
    history = History(SESSION).take(*boundaries)
    assert history.reasons == [Reason.END_BEFORE_START]
    assert history.usage == {}


@pytest.mark.parametrize("key", [SESSION, SWITCH])
def test_one_boundary_may_start_and_end_a_session(key: SessionKey) -> None:
    assert History(key).take(whole(T, T + HOUR)).usage == usage_of((T, T + HOUR))


@pytest.mark.parametrize("key", [SESSION, SWITCH])
def test_a_boundary_that_ends_before_it_starts_is_a_dead_letter(key: SessionKey) -> None:
    history = History(key).take(whole(T, T - 1))
    assert history.reasons == [Reason.END_BEFORE_START]
    assert history.sessions == []


@pytest.mark.parametrize("key", [SESSION, SWITCH])
def test_a_session_of_more_than_31_days_is_a_dead_letter(key: SessionKey) -> None:
    history = History(key).take(started(T), ended(T + 31 * DAY_MS + 1))
    assert history.reasons == [Reason.INTERVAL_OUT_OF_BOUNDS]
    assert history.usage == {}


def test_whole_sessions_without_an_id_may_overlap() -> None:
    history = History(SWITCH).take(whole(T, T + 2 * HOUR), whole(T + HOUR, T + 3 * HOUR))
    assert history.usage == usage_of((T, T + 2 * HOUR), (T + HOUR, T + 3 * HOUR))


def test_a_boundary_that_repeats_the_start_with_the_end_completes_the_session() -> None:
    history = History(SWITCH).take(started(T), whole(T, T + HOUR), ended(T + HOUR))
    assert history.sessions == [(T, T + HOUR)]
    assert history.usage == usage_of((T, T + HOUR))


def test_a_corrected_end_leaves_zero_rows_in_the_windows_it_left() -> None:
    history = History(SESSION).take(started(T), ended(T + 5 * HOUR), ended(T + HOUR))
    assert history.usage == usage_of((T, T + HOUR))
    left = [row for row in history.rows.values() if row["sum"] is None]
    assert len(left) == 4
    assert {row["row_version"] for row in history.rows.values()} == {history.state.version}


@given(ends=st.lists(st.integers(T, T + DAY_MS), min_size=1))
def test_however_often_an_end_is_corrected_the_last_word_counts(ends: list[int]) -> None:
    history = History(SESSION).take(started(T), *map(ended, ends))
    assert history.usage == usage_of((T, ends[-1]))


def test_the_start_says_what_both_ends_say_differently() -> None:
    history = History(SESSION).take(ended(T + 1, model="late", exit="0"), started(T, model="early"))
    assert history.state.entries[0].metadata == {"model": "early", "exit": "0"}


def test_a_state_survives_being_written_and_read() -> None:
    state = History(SWITCH).take(started(T, a="b"), ended(T + 1), started(T + 2)).state
    assert decode_state(encode_state(state)) == state
    assert decode_state(None) == SessionsState()


def test_a_later_state_is_told_from_an_older_one() -> None:
    history = History(SESSION)
    states = [history.take(one).state for one in (started(T), started(T), ended(T + 1))]
    for older, newer in pairwise(states):
        assert is_older(older, newer)
        assert not is_older(newer, older)
        assert not is_older(newer, newer)
    assert not is_older(states[0], SessionsState())


def test_a_switch_forgets_a_session_a_week_after_its_end() -> None:
    history = History(SWITCH).take(started(T), ended(T + HOUR), started(T + HOUR + KEPT))
    assert history.sessions == [(T, T + HOUR), (T + HOUR + KEPT, None)]
    history.take(ended(T + 2 * HOUR + KEPT))
    assert history.sessions == [(T + HOUR + KEPT, T + 2 * HOUR + KEPT)]
    history.take(started(T + 1))
    assert history.reasons == [Reason.BOUNDARY_INVALID]
    assert history.usage == usage_of((T, T + HOUR), (T + HOUR + KEPT, T + 2 * HOUR + KEPT))


def test_a_switch_forgets_a_session_as_long_after_its_end_as_is_set() -> None:
    stated = (whole(T, T + HOUR), whole(T + 9 * HOUR, T + 10 * HOUR))
    assert len(History(SWITCH, Lifetimes(kept=9 * HOUR)).take(*stated).sessions) == 2
    assert len(History(SWITCH, Lifetimes(kept=9 * HOUR - 1)).take(*stated).sessions) == 1


def test_a_state_stays_within_what_a_record_holds() -> None:
    history = History(SWITCH)
    for number in range(60):
        text = "x" * 16_000
        history.take(started(T + 2 * number, m=text), ended(T + 2 * number + 1, m=text))
    assert len(encode_state(history.state)) <= MAX_STATE_BYTES
    assert sum(events for _, events in history.usage.values()) == 60


def test_starts_of_a_switch_that_is_on_do_not_pile_up() -> None:
    history = History(SWITCH).take(*(started(T + number) for number in range(1_000)))
    assert len(history.state.statements) < 20
    assert history.take(ended(T + HOUR)).usage == usage_of((T, T + HOUR))


def test_a_session_taken_back_by_one_boundary_and_restored_by_the_next_is_counted() -> None:
    history = History(SWITCH).take(started(T + 2), ended(T + 2), started(T), ended(T))
    assert history.sessions == [(T, T), (T + 2, T + 2)]
    assert sum(events for _, events in history.usage.values()) == 2
