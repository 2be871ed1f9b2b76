"""Tables in files - CSV, TSV, JSONL, Parquet - read in pieces, each row with its place in the file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError, ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import is_list
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.bounded import BOUNDS, Bounds, Grammar, Progress, open_bounded
from dnadesign.usr.formats.file_kinds import MOST_BYTES, PARQUET, kind_of_any
from dnadesign.usr.formats.text_files import (
    COMPRESSIONS,
    check_is_file,
    plain_suffix,
    text_of,
    unreadable,
)
from dnadesign.usr.formats.text_values import column_from_json, column_from_text, json_object
from dnadesign.usr.storage.parquet import batches_of
from dnadesign.usr.storage.parquet_footer import LONGEST_FOOTER
from dnadesign.usr.storage.parquet_rows import ParquetRows

FORMATS = ("csv", "tsv", "jsonl", "parquet")
PIECE_ROWS = 16_384

_BY_SUFFIX = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_LONGEST_CELL = 2**31 - 1
_CLOSE_QUOTES = "see that every opening quote is closed, and quotes inside a cell are doubled"
_JSON_LINES = Grammar("line", (b",", b"[", b"{"), "values", "write one object a line")


class Piece(Protocol):
    """Some rows of a table, in the order of the file."""

    @property
    def names(self) -> Sequence[str]:
        """The columns that there are."""

    @property
    def every_name(self) -> bool:
        """Whether no later piece has a column that this one does not."""

    @property
    def unit(self) -> str:
        """What the numbers count: ``line`` (from 1) or ``row`` (from 0)."""

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each row."""

    def column(self, name: str, kind: pa.DataType, *, what: str, parse_json: bool) -> pa.Array:
        """A column in exactly that type; ``what`` names the source in errors."""

    def part(self, start: int, stop: int) -> Piece:
        """The rows from ``start`` to before ``stop`` (counted within the piece)."""


Refuse = Callable[[int, SchemaError], None]


def place(piece: Piece, row: int, name: str, *, what: str) -> str:
    """Where a cell stands, for errors."""
    return f"{what}, {piece.unit} {piece.numbers[row]}, column {name!r}"


@dataclass(frozen=True, slots=True)
class ArrowPiece:
    """Rows that came as Arrow data; ``first`` is the number of the first row, counted from 0."""

    table: pa.Table
    first: int

    @property
    def names(self) -> Sequence[str]:
        """The columns that there are."""
        return self.table.column_names

    @property
    def every_name(self) -> bool:
        """Its schema is that of all pieces."""
        return True

    @property
    def unit(self) -> str:
        """Its numbers count rows."""
        return "row"

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each row, from 0."""
        return range(self.first, self.first + self.table.num_rows)

    def column(self, name: str, kind: pa.DataType, *, what: str, parse_json: bool) -> pa.Array:
        """A column in exactly that type; text where a list or struct belongs is JSON, if that is wanted."""
        values = self.table.column(name)
        if parse_json and _is_text(values.type) and (is_list(kind) or isinstance(kind, pa.StructType)):
            return column_from_json(
                values.to_pylist(), kind, where=lambda row: place(self, row, name, what=what)
            )
        cast = cast_column(values, kind, where=f"{what}, column {name!r}", first_row=self.first)
        return cast.combine_chunks()

    def part(self, start: int, stop: int) -> ArrowPiece:
        """Some of the rows."""
        return ArrowPiece(self.table.slice(start, stop - start), self.first + start)


def _is_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.DictionaryType):
        return _is_text(kind.value_type)
    return kind in (pa.string(), pa.large_string(), pa.string_view())


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Rows of a CSV or TSV file, as text; ``numbers`` are the lines on which they end, from 1."""

    cells: dict[str, Sequence[str]]
    numbers: Sequence[int]

    @property
    def names(self) -> Sequence[str]:
        """The columns that there are."""
        return list(self.cells)

    @property
    def every_name(self) -> bool:
        """The header names all columns."""
        return True

    @property
    def unit(self) -> str:
        """Its numbers count lines."""
        return "line"

    def column(self, name: str, kind: pa.DataType, *, what: str, parse_json: bool) -> pa.Array:
        """A column read as that type; an empty cell is null."""
        return column_from_text(
            self.cells[name],
            kind,
            where=lambda row: place(self, row, name, what=what),
            parse_json=parse_json,
        )

    def part(self, start: int, stop: int) -> TextPiece:
        """Some of the rows."""
        cells = {name: column[start:stop] for name, column in self.cells.items()}
        return TextPiece(cells, self.numbers[start:stop])


@dataclass(frozen=True, slots=True)
class JsonPiece:
    """Rows of a JSONL file; ``numbers`` are their lines, from 1."""

    objects: list[dict[str, Any]]
    numbers: Sequence[int]

    @property
    def names(self) -> Sequence[str]:
        """The columns that any of the rows has."""
        return list(dict.fromkeys(name for found in self.objects for name in found))

    @property
    def every_name(self) -> bool:
        """A later line may have other names."""
        return False

    @property
    def unit(self) -> str:
        """Its numbers count lines."""
        return "line"

    def column(self, name: str, kind: pa.DataType, *, what: str, parse_json: bool) -> pa.Array:
        """A column read as that type; a name that a row lacks is null."""
        return column_from_json(
            [found.get(name) for found in self.objects],
            kind,
            where=lambda row: place(self, row, name, what=what),
            parse_json=parse_json,
        )

    def part(self, start: int, stop: int) -> JsonPiece:
        """Some of the rows."""
        return JsonPiece(self.objects[start:stop], self.numbers[start:stop])


def format_of(path: Path, *, given: str | None = None) -> str:
    """The format of a file: as given, or told by its ending.

    Raises:
        ValidationError: The ending tells nothing, or the format given is unknown.
        StorageError: The ending tells nothing, for it is a folder, or not there.
    """
    found = given or _BY_SUFFIX.get(plain_suffix(path))
    if found not in FORMATS:
        if given is None:
            check_is_file(path)
        told = f"format {given!r} is unknown" if given else f"its ending {path.suffix!r} tells no format"
        raise ValidationError(
            f"{path}: {told}",
            mend=spelled(f"name the format: {{}}, one of {', '.join(FORMATS)}", ("format=", "--file-format")),
        )
    return found


def read_pieces(
    path: Path, *, format: str | None = None, refuse: Refuse | None = None, bounds: Bounds = BOUNDS
) -> Iterator[Piece]:
    """The rows of a table file in pieces; there is at least one, which may have columns and no rows.

    Args:
        path: A CSV, TSV, JSONL or Parquet file; text may be compressed (.gz, .zst).
        format: Which of these it is; told by its ending when None.
        refuse: Takes the number and the fault of a line that is no row, which is then left out; raised when None.
        bounds: How much of a text file is taken at once.

    Raises:
        ValidationError: Its format cannot be told.
        SchemaError: A line does not fit the format, or is longer than may be; the line is named.
        StorageError: The file cannot be read.
        CorruptFileError: It is damaged.
    """
    kind = format_of(path, given=format)
    if kind == "parquet":
        return _parquet_pieces(path)
    if kind == "jsonl":
        return _json_pieces(path, refuse, bounds)
    return _delimited_pieces(path, "," if kind == "csv" else "\t", refuse, bounds)


def _refuse(line: int, fault: SchemaError, refuse: Refuse | None) -> None:
    if refuse is None:
        raise fault
    refuse(line, fault)


def _delimited_pieces(path: Path, delimiter: str, refuse: Refuse | None, bounds: Bounds) -> Iterator[Piece]:
    csv.field_size_limit(_LONGEST_CELL)  # the module's own limit is shorter than many sequences
    grammar = Grammar("line", (delimiter.encode(),), "cells", _CLOSE_QUOTES)
    with open_bounded(path, grammar, bounds) as file, text_of(path, file.buffered()) as text:
        read = _RowReader(path, file.progress, text, delimiter, bounds.piece_bytes)
        header = next(iter(read.rows(1)[0]), [])
        if not header:
            raise SchemaError(
                f"{path}: is empty; the first line must name the columns",
                mend="see that it is the right file; without a header, add one",
            )
        _check_header(path, header)
        _check_separator(path, header, delimiter)

        def misfit(line: int, row: list[str]) -> None:
            fault = SchemaError(
                f"{path}, line {line}: has {counted(len(row), 'cell')}, the header has {len(header)}",
                mend="put cells that contain the separator into double quotes",
            )
            _refuse(line, fault, refuse)

        while not read.ended:
            yield _text_piece(header, *read.rows(PIECE_ROWS, width=len(header), misfit=misfit))


@dataclass
class _RowReader:
    """The rows of a delimited file, some at a time; ``ended`` when there are no more."""

    path: Path
    progress: Progress
    text: TextIO
    delimiter: str
    most_bytes: int
    ended: bool = False

    def rows(
        self, count: int, *, width: int | None = None, misfit: Callable[[int, list[str]], None] | None = None
    ) -> tuple[list[list[str]], list[int]]:
        """Some rows that are not blank, ``count`` at most, with the lines on which they end.

        Rows of another width go to ``misfit``.
        """
        at, before, until = self.progress, self.progress.done, self.progress.passed + self.most_bytes
        # A new one each time: a reader takes whole lines only, and keeps the room of the longest cell that it met.
        reader = csv.reader(self.text, delimiter=self.delimiter, strict=True)
        rows: list[list[str]] = []
        lines: list[int] = []
        try:
            for row in reader:
                at.done = line = before + reader.line_num
                if row and misfit is not None and len(row) != width:
                    misfit(line, row)
                elif row:
                    rows.append(row)
                    lines.append(line)
                    if len(lines) == count or at.passed >= until:
                        return rows, lines
        except csv.Error as error:
            raise SchemaError(
                f"{self.path}, line {before + reader.line_num}: {error}", mend=_CLOSE_QUOTES
            ) from error
        self.ended = True
        return rows, lines


_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def _check_separator(path: Path, header: list[str], delimiter: str) -> None:
    """Refuse a header that is a single name, with separators of another kind in it."""
    other = max(_SEPARATORS, key=header[0].count)
    if len(header) > 1 or other not in header[0]:
        return
    mend = {
        "\t": spelled("name the format: {}", ("format='tsv'", "--file-format tsv")),
        ",": spelled("name the format: {}", ("format='csv'", "--file-format csv")),
    }
    raise SchemaError(
        f"{path}, line 1: its columns are separated by {_SEPARATORS[other]}, where {_SEPARATORS[delimiter]} are expected",
        mend=mend.get(other, "save it again with commas between the columns"),
    )


def _check_header(path: Path, header: list[str]) -> None:
    seen: set[str] = set()
    for name in header:
        if not name:
            raise SchemaError(
                f"{path}, line 1: a column has no name", mend="name every column in the first line"
            )
        if name.lower() in seen:
            raise SchemaError(
                f"{path}, line 1: column {name!r} is there twice",
                mend="rename one of the two; case does not tell columns apart",
            )
        seen.add(name.lower())


def _text_piece(header: list[str], cells: list[list[str]], lines: list[int]) -> TextPiece:
    columns: list[Sequence[str]] = list(zip(*cells, strict=True)) if cells else [[] for _ in header]
    return TextPiece(dict(zip(header, columns, strict=True)), lines)


def _json_pieces(path: Path, refuse: Refuse | None, bounds: Bounds) -> Iterator[Piece]:
    with open_bounded(path, _JSON_LINES, bounds) as file, text_of(path, file.buffered()) as text:
        objects: list[dict[str, Any]] = []
        lines: list[int] = []
        at, line, until = file.progress, 0, bounds.piece_bytes
        for content in text:
            at.done = line = line + 1
            if content.strip():
                try:
                    objects.append(json_object(content, where=f"{path}, line {line}"))
                    lines.append(line)
                except SchemaError as fault:
                    _refuse(line, fault, refuse)
            if len(lines) == PIECE_ROWS or at.passed >= until:
                del content  # it may be long, and its object holds all of it
                yield JsonPiece(objects, lines)
                objects, lines = [], []
                until = at.passed + bounds.piece_bytes
        yield JsonPiece(objects, lines)


def _parquet_pieces(path: Path) -> Iterator[Piece]:
    if path.suffix.lower() in COMPRESSIONS:
        raise ValidationError(f"{path}: Parquet is compressed inside", mend="decompress the file first")
    check_is_file(path)
    try:
        with pa.OSFile(str(path), "r") as source:
            _check_ends(path, source)
            parquet = ParquetRows(source)
            yield ArrowPiece(parquet.schema.empty_table(), 0)
            first = 0
            for batch in batches_of(parquet, PIECE_ROWS):
                yield ArrowPiece(pa.Table.from_batches([batch]), first)
                first += batch.num_rows
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise unreadable(path, error) from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise CorruptFileError(
            f"{path}: not a whole Parquet file: {error}", mend="write or fetch the file again"
        ) from error


def _check_ends(path: Path, source: pa.NativeFile) -> None:
    """Refuse what begins as something else, and a footer that claims more than any has, which Arrow would read first."""
    kind = kind_of_any(source.read(MOST_BYTES))
    if kind not in {None, PARQUET}:
        raise CorruptFileError(
            f"{path}: not a whole Parquet file: it is {kind.told}",
            mend="decompress the file first" if kind.packed else kind.mend_of(path),
        )
    source.seek(max(0, source.size() - 8))
    length = int.from_bytes(source.read(8)[:4], "little")
    source.seek(0)
    if LONGEST_FOOTER < length < source.size():
        raise CorruptFileError(
            f"{path}: its footer claims {length:,} bytes, the most that is read is {LONGEST_FOOTER:,}",
            mend="write the file again, with fewer row groups or columns",
        )
