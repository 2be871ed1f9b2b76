"""Bytes of a file on their way to its parser, which is stopped where it takes too many for one record.

A parser holds a record whole before it hands it out, and what is small when compressed may be a record without an end.
The rule is the same for every format: since the last record came out, only so many bytes may have gone in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.formats.text_files import open_binary

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST_AT_ONCE = 1 << 20
_AHEAD = 1 << 16  # what a buffer may hold of a record before
_WIDEST = 4  # bytes that a character of a text takes in memory


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a file is taken at once.

    Attributes:
        record_bytes: Bytes, decompressed, that one row, line or record may have, all of them ASCII, otherwise a quarter;
            the longest human chromosome fits.
        record_parts: Cells, JSON values or lines that it may have: each of them takes memory, however short it is.
        piece_bytes: Bytes, decompressed, after which the rows read so far are handed on.
    """

    record_bytes: int = 1 << 28
    record_parts: int = 1 << 24
    piece_bytes: int = 1 << 25


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a format's records are like.

    Attributes:
        unit: What ``BoundedFile.done`` counts: ``line`` or ``record``.
        separators: The bytes between two parts of a record.
        parts: What the parts are called.
        mend: What to do about a record that is too long.
    """

    unit: str
    separators: tuple[bytes, ...]
    parts: str
    mend: str


@dataclass(slots=True)
class Progress:
    """How far a file has been read; apart from its stream, whose fields are slow to reach.

    Attributes:
        done: The number of the last record that the parser gave, or of its last line; kept by whoever takes the records.
        passed: How many bytes the parser has taken.
    """

    done: int = 0
    passed: int = 0


class BoundedFile(io.RawIOBase):
    """A stream that counts what a parser takes for one record.

    Args:
        file: The stream that it reads from, and does not close.
        path: The file's name, for errors.
        grammar: What its records are like.
        bounds: How long they may be.

    Attributes:
        progress: How far it has been read.
    """

    def __init__(self, file: Any, path: Path, grammar: Grammar, bounds: Bounds = BOUNDS) -> None:
        self.progress = Progress()
        self._file = file
        self._path = path
        self._grammar = grammar
        self._bounds = bounds
        self._last = b""
        self._done_before = self._begin = self._parts = 0
        self._wide = False  # a character outside ASCII makes all of a text take more

    def readable(self) -> bool:
        """It can be read, forwards only."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on: one byte at least, but at the end.

        Raises:
            SchemaError: The parser wants more of a record that has too much already.
        """
        at = self.progress
        if (
            at.done == self._done_before
        ):  # then all that was read last belongs to the record that is not out yet
            self._parts += sum(map(self._last.count, self._grammar.separators))
            self._wide = self._wide or not self._last.isascii()
            self._check()
        else:
            self._done_before, self._begin, self._parts = at.done, at.passed, 0
            self._wide = not self._last[self._last.rfind(b"\n") + 1 :].isascii()
        view = memoryview(buffer).cast("B")
        data: bytes = self._file.read(min(len(view), _MOST_AT_ONCE))
        view[: len(data)] = data
        at.passed += len(data)
        self._last = data
        return len(data)

    def buffered(self) -> io.BufferedReader:
        """The same for a parser that takes few bytes at a time."""
        return _Ahead(self, _AHEAD)

    def _check(self) -> None:
        at, most, grammar = self.progress, self._bounds, self._grammar
        longest = most.record_bytes // (_WIDEST if self._wide else 1)
        if at.passed - self._begin > longest + _AHEAD:
            much = f"{longest:,} bytes{' of a text that is not all ASCII' if self._wide else ''}"
        elif self._parts > most.record_parts:
            much = f"{most.record_parts:,} {grammar.parts}"
        else:
            return
        raise SchemaError(
            f"{self._path}, {grammar.unit} {at.done + 1}: what begins there has more than {much}, the most that is read",
            mend=grammar.mend,
        )


class _Ahead(io.BufferedReader):
    """A buffer that is filled before it is taken from, and knows by itself whether it is closed.

    As it is, ``read1`` goes around an empty buffer, and a text asks for each of its lines whether all below it are open.
    """

    read1 = io.BufferedReader.read
    closed = False

    def close(self) -> None:
        """Close it, and with it the stream that it reads from."""
        super().close()
        self.closed = True


@contextmanager
def open_bounded(path: Path, grammar: Grammar, bounds: Bounds) -> Iterator[BoundedFile]:
    """A file's bytes, decompressed if it ends in .gz or .zst, for a parser of records of bounded length.

    Raises:
        StorageError: It cannot be opened or read.
        CorruptFileError: Its compressed data is damaged or cut short.
    """
    with open_binary(path) as binary:
        yield BoundedFile(binary, path, grammar, bounds)
