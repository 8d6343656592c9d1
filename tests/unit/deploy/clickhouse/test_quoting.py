import pytest

from deploy.local.clickhouse.quoting import identifier, literal, unescape
from deploy.local.clickhouse.tokens import tokens


@pytest.mark.parametrize("value", [b"", b"it's", b"back\\slash'", b"\xff\x00\n", b"a''b\\"])
def test_a_literal_is_one_string_whatever_it_holds(value: bytes) -> None:
    found = list(tokens(literal(value) + b" , 1"))
    assert [token.kind for token in found] == ["string", "symbol", "number"]


@pytest.mark.parametrize("name", ["plain", "with`tick", "back\\slash", "spa ce"])
def test_an_identifier_is_one_name_whatever_it_holds(name: str) -> None:
    assert [token.kind for token in tokens(identifier(name))] == ["quoted"]


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        (b"a\\nb\\t\\\\c\\'", b"a\nb\t\\c'"),
        (b"\\0\\b\\f\\r", b"\0\b\f\r"),
        (b"plain", b"plain"),
        (b"\\\\n", b"\\n"),
    ],
)
def test_escapes_stand_for_their_bytes(escaped: bytes, value: bytes) -> None:
    assert unescape(escaped) == value


def test_brackets_are_counted() -> None:
    found = {token.text: token.depth for token in tokens(b"a (b [c {d}] e) f")}
    assert found[b"a"] == found[b"f"] == 0
    assert found[b"b"] == found[b"e"] == 1
    assert (found[b"c"], found[b"d"]) == (2, 3)
