"""Message keys: no two tuples share one, and each gives back its parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import InvalidKeyError, message_key, parse_key, session_key

PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1).map(tuple)


@given(PARTS)
def test_a_key_gives_back_the_parts_it_was_made_of(parts: tuple[str, ...]) -> None:
    assert parse_key(message_key(*parts)) == parts


@given(PARTS, PARTS)
def test_two_different_tuples_have_different_keys(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (message_key(*one) == message_key(*other)) == (one == other)


def test_slashes_and_percent_signs_inside_parts_are_encoded() -> None:
    assert message_key("a/b", "100%", "é", "") == b"a%2Fb/100%25/%C3%A9/"


def test_a_key_needs_a_part() -> None:
    with pytest.raises(InvalidKeyError, match="at least one part"):
        message_key()


@pytest.mark.parametrize("key", [b"100%", b"a b", b"%c3%a9", b"\xff", b"%FF", b"%41"])
def test_bytes_that_are_no_key_of_ours_are_refused(key: bytes) -> None:
    with pytest.raises(InvalidKeyError, match="is not a message key"):
        parse_key(key)


def test_a_session_is_keyed_by_all_that_makes_it_one() -> None:
    assert session_key("t", "e", "c", "chat.on", "", "s/1") == b"t/e/c/chat.on//s%2F1"
