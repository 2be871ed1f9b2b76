"""Where commands hand what they found: tables for people, JSON, JSON lines or CSV for programs.

Data goes to stdout, all else to stderr. A table is cut to the width of a terminal; into a pipe or a file it goes as
aligned text with all its columns, whole unless its command has long cells cut.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnadesign.usr.cli.cells import cell, printable
from dnadesign.usr.cli.session import Format
from dnadesign.usr.cli.tables import GAP, Grid, draw, plain_lines
from dnadesign.usr.contract.mends import all_on_command_line
from dnadesign.usr.contract.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST = 40  # characters of a cell in a pipe where long ones are cut: an id fits
_MUST_BE_QUOTED = frozenset(',"\r\n')


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one command.

    Attributes:
        format: How data is written.
    """

    format: Format = "table"

    @property
    def for_people(self) -> bool:
        """Whether data is shown as tables."""
        return self.format == "table"

    # -- data ---------------------------------------------------------------------------------------------------

    def records(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        columns: Sequence[str],
        shown: Iterable[Mapping[str, Any]] | None = None,
        named: bool = False,
        whole: bool = True,
    ) -> None:
        """Write objects of one kind.

        Args:
            rows: Plain values; JSON gets all of each.
            columns: What tables and CSV have of them.
            shown: What people are shown instead, with the same columns, such as ``1.2 MB`` for a number of bytes.
            named: Whether the reader asked for these very columns.
            whole: Whether long cells stay whole in a table that goes to no terminal.
        """
        if self.format == "table":
            self._table(rows if shown is None else shown, columns, named=named, whole=whole)
        elif self.format == "csv":
            _lines([_csv_line(columns), *(_csv_line([row[c] for c in columns]) for row in rows)])
        else:
            self._json_rows(rows)

    def record(self, record: Mapping[str, Any], *, shown: Mapping[str, Any] | None = None) -> None:
        """Write one object; people are shown ``shown`` instead, one line a field."""
        if self.format == "table":
            _lines(block(record if shown is None else shown, room=terminal_width()))
        elif self.format == "json":
            _lines([json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False)])
        else:
            self.records([record], columns=list(record))

    def rows(self, table: pa.Table, *, named: bool = False, whole: bool = True) -> None:
        """Write rows of a dataset."""
        # Arrow: what prints no rows of a dataset does without it.
        from dnadesign.usr.cli.values import plain_rows

        self.records(plain_rows(table), columns=table.schema.names, named=named, whole=whole)

    def blocks(self, table: pa.Table) -> None:
        """Write rows of a dataset; people see one below the other, whole."""
        if not self.for_people:
            self.rows(table)
            return
        # Arrow, as above.
        from dnadesign.usr.cli.values import plain_rows

        for number, row in enumerate(plain_rows(table)):
            _lines([""] if number else [])
            _lines(block(row, room=terminal_width()))

    def text(self, lines: Iterable[str]) -> None:
        """Write lines for people; nothing in another format."""
        if self.for_people:
            _lines(lines)

    def _table(
        self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, named: bool, whole: bool
    ) -> None:
        values = [[row[column] for column in columns] for row in rows]
        right = frozenset(name for i, name in enumerate(columns) if _are_numbers([row[i] for row in values]))
        grid = Grid(columns, [[cell(value) for value in row] for row in values], right, named)
        room = terminal_width()
        if room is None:
            short = grid if whole else grid.with_cells_up_to(_LONGEST)
            _lines(plain_lines(short))
            if short.rows != grid.rows:
                self.say(
                    f"cells of more than {_LONGEST} characters are cut; they are whole with --format csv or json"
                )
            return
        hidden = draw(grid, sys.stdout, room=room, colour=_may_be_coloured())
        if hidden:
            count = counted(len(hidden), "more column")
            self.say(f"{count}: {', '.join(hidden)}")

    def _json_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        texts = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        if self.format == "jsonl":
            _lines(texts)
            return
        first = next(texts, None)
        if first is None:
            _lines(["[]"])
            return
        sys.stdout.write(f"[\n{first}")
        for text in texts:
            sys.stdout.write(f",\n{text}")
        sys.stdout.write("\n]\n")

    # -- messages -----------------------------------------------------------------------------------------------

    def say(self, message: str) -> None:
        """Tell people something, on stderr."""
        print(message, file=sys.stderr, flush=True)

    def done(self, message: str, result: Mapping[str, Any]) -> None:
        """Say what a change did: a message to people, the result as data to programs."""
        if self.for_people:
            self.say(message)
        else:
            self.record(all_on_command_line(result))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show on a terminal that something is going on; nothing elsewhere."""
        if not sys.stderr.isatty():
            yield
            return
        # Only a terminal needs Rich.
        from rich.console import Console

        console = Console(stderr=True, color_system="auto" if _may_be_coloured() else None, highlight=False)
        with console.status(printable(what)):
            yield

    @contextmanager
    def progressing(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A function to tell how much of how much is done: a bar on a terminal, nothing elsewhere."""
        if not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        # Only a terminal needs Rich.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, color_system="auto" if _may_be_coloured() else None, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(printable(what), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def _may_be_coloured() -> bool:
    """Whether a terminal may get colours; NO_COLOR forbids it unless it is empty."""
    return not os.environ.get("NO_COLOR")


def terminal_width() -> int | None:
    """How many characters a line of the terminal has that data goes to; None if it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def block(record: Mapping[str, Any], *, room: int | None) -> Iterator[str]:
    """One object as lines ``name  value``; lists of objects take a line an item, long texts go on below.

    Args:
        record: Plain values by name.
        room: Width to break long values at; None to leave them whole.
    """
    indent = max((len(name) for name in record), default=0) + len(GAP)
    for name, value in record.items():
        items = (
            value if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value) else [value]
        )
        texts = [piece for item in items for piece in _pieces(cell(item), room and room - indent)]
        yield f"{name:<{indent}}{texts[0]}".rstrip()
        yield from (" " * indent + text for text in texts[1:])


_NARROWEST = 20


def _pieces(text: str, room: int | None) -> list[str]:
    if room is None or room < _NARROWEST or len(text) <= room:
        return [text]
    return textwrap.wrap(text, room, break_on_hyphens=False)


def _are_numbers(values: Sequence[Any]) -> bool:
    """Whether there are numbers and nothing else but nulls."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in there)


def _csv_line(values: Sequence[Any]) -> str:
    return ",".join(_csv_field(value) for value in values)


def _csv_field(value: Any) -> str:
    """A field as in RFC 4180: a null is empty, an empty text quoted, nested values are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    if value and value == value.strip() and _MUST_BE_QUOTED.isdisjoint(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
