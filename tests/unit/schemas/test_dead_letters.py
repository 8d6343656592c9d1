"""Dead letters: what their headers say, and that it can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import SOURCE_HEADERS, DeadLetter, DeadLetterReason, InvalidHeadersError

LETTER = DeadLetter(
    reason=DeadLetterReason.NOT_A_NUMBER,
    detail="properties.tokens: 'many' is not a number",
    meter="tokens",
    topic="usage-events",
    topic_id="rVq3",
    partition=2,
    offset=41,
)


def test_the_headers_say_why_and_whence() -> None:
    assert LETTER.headers() == [
        ("meterstream-reason", b"not_a_number"),
        ("meterstream-detail", b"properties.tokens: 'many' is not a number"),
        ("meterstream-meter", b"tokens"),
        ("meterstream-topic", b"usage-events"),
        ("meterstream-topic-id", b"rVq3"),
        ("meterstream-partition", b"2"),
        ("meterstream-offset", b"41"),
    ]


@given(st.sampled_from(DeadLetterReason), st.text(), st.integers(0, 2**63 - 1))
def test_a_dead_letter_is_read_back_from_its_headers(
    reason: DeadLetterReason, detail: str, offset: int
) -> None:
    letter = DeadLetter(reason=reason, detail=detail, topic="t", topic_id="i", partition=0, offset=offset)
    assert DeadLetter.from_headers(letter.headers()) == letter


def test_headers_of_the_record_itself_are_passed_over() -> None:
    before = [("trace", b"\xff"), ("meterstream-reason", b"undecodable"), ("empty", None)]
    assert DeadLetter.from_headers([*before, *LETTER.headers()]) == LETTER


def test_a_letter_for_the_whole_event_names_no_meter() -> None:
    whole = LETTER.model_copy(update={"meter": ""})
    assert ("meterstream-meter", b"") in whole.headers()
    assert DeadLetter.from_headers(whole.headers()) == whole


def test_a_long_detail_is_cut_at_a_whole_character() -> None:
    letter = LETTER.model_validate({**LETTER.model_dump(), "detail": "x" + "é" * 4_000})
    headers = dict(letter.headers())
    assert headers["meterstream-detail"] == ("x" + "é" * 2_047).encode()


def test_a_detail_that_utf_8_cannot_hold_is_escaped() -> None:
    letter = LETTER.model_validate({**LETTER.model_dump(), "detail": "key '\ud800'"})
    assert dict(letter.headers())["meterstream-detail"] == b"key '\\ud800'"


@pytest.mark.parametrize("name", ["reason", "topic", "topic-id", "partition", "offset"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers = [(header, value) for header, value in LETTER.headers() if header != f"meterstream-{name}"]
    with pytest.raises(InvalidHeadersError, match=f"{name.replace('-', '_')}: is missing"):
        DeadLetter.from_headers(headers)


@pytest.mark.parametrize(
    ("header", "value"), [("meterstream-reason", b"bored"), ("meterstream-offset", b"x")]
)
def test_a_header_that_holds_something_else_is_refused(header: str, value: bytes) -> None:
    with pytest.raises(InvalidHeadersError, match=r"these are not a dead letter's headers: (reason|offset)"):
        DeadLetter.from_headers([*LETTER.headers(), (header, value)])


def test_a_dead_letter_and_a_forwarded_boundary_name_their_source_alike() -> None:
    assert set(SOURCE_HEADERS) <= {name for name, _ in LETTER.headers()}
