"""Tables for people: whole values always, folded in a terminal and on one line a row elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table

_WIDE_ENOUGH: Final = 10_000
"""Columns where no terminal sets a limit; a table takes what it needs of them."""


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: frozenset[str] = frozenset(),
    file: TextIO | None = None,
) -> None:
    """Print rows under their columns' names; those in `right` hold numbers.

    Nothing is cut: a terminal folds what is too wide, a file or pipe has each row on one line.
    """
    table = Table()
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE_ENOUGH
    console.print(table)
