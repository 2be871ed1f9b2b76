"""Tables for people: what fits on a terminal, or everything as plain aligned text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from dnadesign.usr.cli.cells import NOTHING, cut, width

GAP = "  "
_ROOM = {"id": 13, "sequence": 24}  # how wide a column is at least offered while columns compete
_OTHER_ROOM = 24
_KEYS = ("id", "sequence")


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells in rows under names.

    Attributes:
        names: The columns.
        rows: One list of cells a row, as long as ``names``.
        right: The columns that are flush right, as numbers are.
        named: Whether the reader asked for these very columns, in this order of importance.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[str] = field(default_factory=frozenset)
    named: bool = False

    def with_cells_up_to(self, room: int) -> Grid:
        """The same with cells that are at most so wide."""
        return replace(self, rows=[[cut(text, room) for text in row] for row in self.rows])

    def natural_width(self, index: int, *, header: int) -> int:
        """How wide a column is if nothing is cut, with a header of that width."""
        return max([header, *(width(row[index]) for row in self.rows)])


def plain_lines(grid: Grid) -> Iterator[str]:
    """The table as aligned text, nothing cut, no blanks at line ends."""
    widths = [grid.natural_width(i, header=width(name)) for i, name in enumerate(grid.names)]
    for row in [grid.names, *grid.rows]:
        cells = [
            _pad(text, room, right=name in grid.right)
            for text, room, name in zip(row, widths, grid.names, strict=True)
        ]
        yield GAP.join(cells).rstrip()


def _pad(text: str, room: int, *, right: bool) -> str:
    blanks = " " * (room - width(text))
    return blanks + text if right else text + blanks


def header_lines(name: str) -> list[str]:
    """A column's name over two lines, namespace and field, so that narrow columns stay narrow."""
    namespace, separator, rest = name.partition("__")
    return [f"{namespace}{separator}", rest] if separator and rest else [name]


def choose(grid: Grid, room: int) -> dict[int, int]:
    """Which columns a terminal has room for, in order, and how wide each is.

    All, if they fit when long cells are cut. Else as many as fit: id and sequence, then derived columns, then the
    rest; where columns were asked for by name, as they were named.
    """
    full = [
        grid.natural_width(i, header=max(width(line) for line in header_lines(name)))
        for i, name in enumerate(grid.names)
    ]
    least = [min(full[i], _least(name)) for i, name in enumerate(grid.names)]
    order = sorted(range(len(grid.names)), key=lambda i: (0 if grid.named else _rank(grid.names[i]), i))
    chosen: dict[int, int] = {}
    left = room + len(GAP)
    for i in order:
        if least[i] + len(GAP) <= left or not chosen:
            chosen[i] = min(least[i], room)
            left -= least[i] + len(GAP)
    for i in order:
        if i in chosen and left > 0:
            more = min(full[i] - chosen[i], left)
            chosen[i] += more
            left -= more
    return dict(sorted(chosen.items()))


def _least(name: str) -> int:
    return max(_ROOM.get(name, _OTHER_ROOM), *(width(line) for line in header_lines(name)))


def _rank(name: str) -> int:
    return 0 if name in _KEYS else 1 if "__" in name else 2


def draw(grid: Grid, out: TextIO, *, room: int, colour: bool) -> list[str]:
    """Draw the table on a terminal that is ``room`` characters wide; returns the columns there was no room for."""
    # Only a terminal needs Rich, which costs several times the interpreter's own start.
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = choose(grid, room)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    tall = max((len(header_lines(grid.names[i])) for i in shown), default=1)
    for i, columns in shown.items():
        lines = header_lines(grid.names[i])
        header = Text("\n".join([""] * (tall - len(lines)) + [cut(line, columns) for line in lines]))
        flush_right = grid.names[i] in grid.right
        table.add_column(header, justify="right" if flush_right else "left", width=columns, no_wrap=True)
    for row in grid.rows:
        cells = [Text(cut(row[i], columns), style=_style(row[i])) for i, columns in shown.items()]
        table.add_row(*cells)
    # Rich takes a width of its own for a dumb terminal, unless it is told the height as well.
    console = Console(
        file=out, width=room, height=25, color_system="auto" if colour else None, highlight=False
    )
    console.print(table)
    return [name for i, name in enumerate(grid.names) if i not in shown]


_STYLES = {NOTHING: "dim", "ok": "green", "note": "yellow", "failed": "bold red"}


def _style(text: str) -> str:
    return _STYLES.get(text, "")
