"""A pin travels in a commit's metadata and says all that a chunk's rows depend on."""

import pytest

from stream.core.pins import SEMANTICS, Pin, decode_pin, encode_pin
from stream.errors import InvalidPinError, UnknownSemanticsError

PIN = Pin(
    chunk_start=42,
    topic_id="tc3VJ0HUQ5uXdcSIL5ca7g",
    bucket=(0, 29_453_760),
    chunk_records=262_144,
    chunk_seconds=60,
    dedupe_records=131_072,
    dedupe_seconds=3_600,
    definitions_end=18,
    previous_generation=0,
    current_generation=7,
)


def test_a_pin_comes_back_from_its_commit() -> None:
    assert decode_pin(42, encode_pin(PIN)) == PIN


def test_it_fits_the_metadata_a_broker_takes() -> None:
    assert len(encode_pin(PIN)) < 1_024


def test_a_commit_without_a_pin_is_refused() -> None:
    for metadata in ("", "{}", "[]", '"x"'):
        with pytest.raises(InvalidPinError, match="no pin"):
            decode_pin(42, metadata)


def test_unknown_semantics_name_the_release_that_can_finish_the_chunk() -> None:
    later = encode_pin(PIN).replace(f'"semantics":{SEMANTICS}', f'"semantics":{SEMANTICS + 7}')

    with pytest.raises(UnknownSemanticsError, match=f"number {SEMANTICS + 7}"):
        decode_pin(42, later)
