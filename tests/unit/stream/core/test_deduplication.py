"""Duplicates within the horizon, whoever asks and wherever reading began."""

from collections.abc import Callable

from stream.core.deduplication import Generations, generation_time
from stream.core.log import Record
from stream.core.runs import Spacing

SPACING = Spacing(records=10, seconds=60)
MakeRecord = Callable[..., Record]


def read(generations: Generations, record: MakeRecord, ids: dict[int, str]) -> list[int]:
    """Return the offsets of the duplicates."""
    duplicates = []
    for offset, event_id in ids.items():
        generations.enter(record(offset, None), SPACING)
        if generations.seen("acme", event_id):
            duplicates.append(offset)
    return duplicates


def test_a_repeat_in_the_same_or_the_next_generation_is_a_duplicate(record: MakeRecord) -> None:
    assert read(Generations(0, 0), record, {0: "a", 5: "a", 15: "a"}) == [5, 15]


def test_a_repeat_beyond_the_horizon_is_counted(record: MakeRecord) -> None:
    assert read(Generations(0, 0), record, {0: "a", 12: "b", 25: "a"}) == []


def test_a_duplicate_is_remembered_so_that_chains_of_repeats_stay_duplicates(record: MakeRecord) -> None:
    assert read(Generations(0, 0), record, {0: "a", 15: "a", 25: "a"}) == [15, 25]


def test_tenants_do_not_share_ids(record: MakeRecord) -> None:
    generations = Generations(0, 0)
    generations.enter(record(0, None), SPACING)

    assert not generations.seen("acme", "a")
    assert not generations.seen("umbrella", "a")


def test_append_time_begins_a_generation_too(record: MakeRecord) -> None:
    generations = Generations(0, 0, generation_time(record(0, None)))
    for offset, seconds in ((0, 0), (1, 59.9), (2, 60), (3, 119.9), (4, 120)):
        generations.enter(record(offset, None, seconds=seconds), SPACING)

    assert (generations.previous_start, generations.current_start) == (2, 4)


def test_a_generation_is_as_long_as_it_is_meant_to_be_wherever_it_begins(record: MakeRecord) -> None:
    generations = Generations(0, 0, generation_time(record(0, None)))
    generations.enter(record(9, None, seconds=59), SPACING)
    generations.enter(record(9, None, seconds=60), SPACING)
    assert generations.current_start == 9
    for offset in range(10, 19):
        generations.enter(record(offset, None, seconds=61), SPACING)
        assert generations.current_start == 9
    generations.enter(record(19, None, seconds=61), SPACING)
    assert generations.current_start == 19


def test_a_clock_that_steps_back_begins_no_generation(record: MakeRecord) -> None:
    generations = Generations(0, 0, generation_time(record(0, None)))
    for offset, seconds in ((0, 0), (1, 50), (2, -30), (3, 50)):
        generations.enter(record(offset, None, seconds=seconds), SPACING)

    assert generations.current_start == 0


def test_producers_own_timestamps_begin_no_generation(record: MakeRecord) -> None:
    first = record(0, None, timestamp_type=0)
    generations = Generations(0, 0, generation_time(first))
    for offset in range(10):
        generations.enter(record(offset, None, seconds=1_000 * offset, timestamp_type=0), SPACING)
    assert generations.current_start == 0
    generations.enter(record(10, None, timestamp_type=0), SPACING)
    assert generations.current_start == 10


def test_whoever_resumes_from_the_pinned_starts_gives_the_same_answers(record: MakeRecord) -> None:
    ids = {offset: str(offset * 7 % 11) for offset in range(40)}
    whole = Generations(0, 0)
    answers = read(whole, record, {offset: ids[offset] for offset in range(40)})
    for resume_at in range(1, 40):
        before = Generations(0, 0)
        read(before, record, {offset: ids[offset] for offset in range(resume_at)})
        before.enter(record(resume_at, None), SPACING)
        resumed = Generations(before.previous_start, before.current_start, before.current_time)
        for offset in range(resumed.previous_start, resume_at):
            resumed.recall(offset, "acme", ids[offset])

        later = read(resumed, record, {offset: ids[offset] for offset in range(resume_at, 40)})

        assert later == [offset for offset in answers if offset >= resume_at]
