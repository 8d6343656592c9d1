"""Samples of memory are sorted by how much was read when they were taken."""

from benchmarks.memory import Sample, _by_tenth


def sample(read: int) -> Sample:
    return Sample(read, resident=read * 10, proportional=read)


def test_samples_fall_into_the_tenth_of_the_records_read() -> None:
    tenths = _by_tenth([sample(0), sample(9), sample(10), sample(55), sample(100)], 100)

    assert tenths[0] == [sample(0), sample(9)]
    assert tenths[1] == [sample(10)]
    assert tenths[9] == [sample(100)]


def test_a_tenth_without_a_sample_takes_the_next_one() -> None:
    tenths = _by_tenth([sample(0), sample(55), sample(100)], 100)

    assert tenths[4] == tenths[5] == [sample(55)]
    assert tenths[6] == [sample(100)]
