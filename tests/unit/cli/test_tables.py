"""Tables show whole values, wherever they are printed."""

import io

import pytest

from cli.tables import print_table

LONG = "tenant-" + "0123456789" * 60


def test_a_long_id_stands_in_full_on_one_line_of_a_pipe() -> None:
    out = io.StringIO()
    print_table(("id", "value"), [(LONG, "1")], file=out)
    assert any(LONG in line for line in out.getvalue().splitlines())


def test_a_narrow_terminal_folds_a_long_id_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")  # 80 columns and no colours
    out = Terminal()
    print_table(("id",), [(LONG,)], file=out)
    shown = "".join(character for character in out.getvalue() if character.isalnum() or character == "-")
    assert LONG in shown
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_brackets_and_colons_are_text_and_no_markup() -> None:
    out = io.StringIO()
    print_table(("id",), [("[bold]:smile:[/bold]",)], file=out)
    assert "[bold]:smile:[/bold]" in out.getvalue()
