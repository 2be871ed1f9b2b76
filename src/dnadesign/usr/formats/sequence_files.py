"""Sequence files - FASTA, FASTQ, GenBank - read record by record, with the checks that their parsers leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError, ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.bounded import BOUNDS, BoundedFile, Bounds, Grammar, open_bounded
from dnadesign.usr.formats.tables import FORMATS as TABLE_FORMATS
from dnadesign.usr.formats.tables import PIECE_ROWS, Piece, Refuse, read_pieces
from dnadesign.usr.formats.tables import format_of as table_format_of
from dnadesign.usr.formats.text_files import not_utf8, plain_suffix

RECORD_FORMATS = ("fasta", "fastq", "genbank")
FORMATS = (*TABLE_FORMATS, *RECORD_FORMATS)

_BY_SUFFIX = {
    ".fa": "fasta", ".fasta": "fasta", ".fna": "fasta", ".ffn": "fasta", ".faa": "fasta", ".frn": "fasta",
    ".fas": "fasta", ".fq": "fastq", ".fastq": "fastq", ".gb": "genbank", ".gbk": "genbank", ".gbff": "genbank",
    ".genbank": "genbank",
}  # fmt: skip
_MEND_LONG = "cut it into shorter records, or see that the file is {}, and whole"
_EXTRA = "install the extra that reads sequence files: pip install 'dnadesign[formats]'"


type Record = tuple[str, str]  # its name (empty where it has none) and its symbols, as they stand there


@dataclass(frozen=True, slots=True)
class RecordPiece:
    """Some records of a sequence file; ``first`` is the number of the first one, counted from 1."""

    titles: Sequence[str]
    sequences: Sequence[str]
    first: int

    @property
    def names(self) -> Sequence[str]:
        """The only column that a record fills."""
        return ["sequence"]

    @property
    def every_name(self) -> bool:
        """No record has another column."""
        return True

    @property
    def unit(self) -> str:
        """Its numbers count records."""
        return "record"

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each record, from 1."""
        return range(self.first, self.first + len(self.sequences))

    def column(self, name: str, kind: pa.DataType, *, what: str, parse_json: bool) -> pa.Array:
        """The sequences."""
        return pa.array(self.sequences, kind)

    def part(self, start: int, stop: int) -> RecordPiece:
        """Some of the records."""
        return RecordPiece(self.titles[start:stop], self.sequences[start:stop], self.first + start)


def format_of(path: Path, *, given: str | None = None) -> str:
    """The format of a file of sequences or of a table: as given, or told by its ending.

    Raises:
        ValidationError: The ending tells nothing, or the format given is unknown.
    """
    found = given or _BY_SUFFIX.get(plain_suffix(path))
    if found in RECORD_FORMATS:
        return str(found)
    try:
        return table_format_of(path, given=given)
    except ValidationError as error:
        raise ValidationError(
            error.message,
            mend=spelled(f"name the format: {{}}, one of {', '.join(FORMATS)}", ("format=", "--file-format")),
        ) from None


def read_sequences(
    path: Path, *, format: str | None = None, refuse: Refuse | None = None, bounds: Bounds = BOUNDS
) -> Iterator[Piece]:
    """The rows of a table or the records of a sequence file, in pieces.

    Args:
        path: The file; all but Parquet may be compressed (.gz, .zst).
        format: One of ``FORMATS``; told by its ending when None.
        refuse: Takes the number and the fault of a line that is no row of a table; raised when None.
        bounds: How much of a file of text is taken at once.

    Raises:
        ValidationError: The format cannot be told, or the library that reads it is not installed.
        SchemaError: The file does not fit its format, or a record of it is longer than may be.
        StorageError: The file cannot be read.
        CorruptFileError: It is damaged or cut short.
    """
    kind = format_of(path, given=format)
    if kind not in RECORD_FORMATS:
        return read_pieces(path, format=kind, refuse=refuse, bounds=bounds)
    return _record_pieces(path, kind, bounds)


def _record_pieces(path: Path, kind: str, bounds: Bounds) -> Iterator[Piece]:
    grammar = Grammar("record", (b"\n", b"\r"), "lines", _MEND_LONG.format(kind.upper()))
    with open_bounded(path, grammar, bounds) as file:
        records = _genbank(path, file) if kind == "genbank" else _fasta(path, file, kind)
        titles: list[str] = []
        sequences: list[str] = []
        at, first, until = file.progress, 1, bounds.piece_bytes
        for title, sequence in records:
            titles.append(title)
            sequences.append(sequence)
            if at.passed >= until or len(sequences) == PIECE_ROWS:
                yield RecordPiece(titles, sequences, first)
                first += len(sequences)
                titles, sequences, until = [], [], at.passed + bounds.piece_bytes
        if sequences:
            yield RecordPiece(titles, sequences, first)
        elif first == 1:
            raise SchemaError(f"{path}: has no record", mend="see that it is the right file, and whole")


def _fasta(path: Path, file: BoundedFile, kind: str) -> Iterator[Record]:
    try:
        import dnaio  # an extra
    except ImportError as error:
        raise ValidationError(f"{path}: reading {kind.upper()} needs dnaio", mend=_EXTRA) from error
    at = file.progress
    stream = file.buffered() if kind == "fasta" else file  # FASTQ is taken in large pieces as it is
    try:
        with dnaio.open(cast(BinaryIO, stream), fileformat=kind) as reader:
            for record in reader:
                at.done += 1
                yield record.name, record.sequence
    except dnaio.FileFormatError as error:
        raise SchemaError(
            f"{path}{_line_of(error)}, after {counted(at.done, 'record')}: {error.message}",
            mend=f"mend the record there, or see that the file is {kind.upper()}, and whole",
        ) from error
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error


def _line_of(error: Any) -> str:
    """The line of a parser's error (0-based there), for people."""
    return "" if error.line is None else f", line {error.line + 1}"


@dataclass
class _Watched:
    """A stream that remembers how it ended, for a parser that takes a file cut short for a shorter one."""

    file: BoundedFile
    end: bytes = b""
    failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        try:
            data = self.file.read(size)
        except BaseException as error:
            self.failure = error  # the parser may tell it as one of its own
            raise
        self.end = (self.end + data).rstrip()[-2:] if data else self.end
        return data


def _genbank(path: Path, file: BoundedFile) -> Iterator[Record]:
    try:
        import gb_io  # an extra
    except ImportError as error:
        raise ValidationError(f"{path}: reading GenBank needs gb-io", mend=_EXTRA) from error
    at, watched = file.progress, _Watched(file)
    records = iter(gb_io.iter(cast(BinaryIO, watched)))
    while (record := _next_record(path, lambda: next(records, None), watched, at.done)) is not None:
        at.done += 1
        name = record.version or record.accession or record.name or ""
        yield name, bytes(record.sequence or b"").decode("ascii", "replace")
    if at.done and watched.end != b"//":
        raise CorruptFileError(
            f"{path}: ends within the record after record {at.done}, without '//': the file was cut short",
            mend="fetch the file again",
        )


def _next_record(path: Path, read: Callable[[], Any], watched: _Watched, count: int) -> Any:
    try:
        return read()
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        if watched.failure is not None:
            raise watched.failure from None
        raise SchemaError(
            f"{path}, record {count + 1}: not a GenBank record: {str(error).removeprefix('parser failed: ')}",
            mend="see that the file is GenBank, and whole",
        ) from error
