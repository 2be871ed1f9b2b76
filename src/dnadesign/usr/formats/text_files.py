"""Files of text, plain or compressed."""

from __future__ import annotations

import codecs
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, InputFileNotFound, SchemaError, StorageError
from dnadesign.usr.formats.file_kinds import BY_ENDING, MOST_BYTES, TEXT, kind_of, kind_of_any

COMPRESSIONS = tuple(BY_ENDING)

_AT_ONCE = 1 << 16
_BLOCK_START = bytes.fromhex(
    "1f8b0804"
)  # gzip with extra fields, as the blocks of BGZF have them (SAM specification 4.1)
_BLOCK_NAME = b"BC\x02\x00"
_BLOCK_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def plain_suffix(path: Path) -> str:
    """The ending that tells a file's format, without that of its compression: ``.csv`` for ``a.csv.gz``."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def text_of(path: Path, binary: io.BufferedReader) -> Iterator[TextIO]:
    """The text of a file in UTF-8 (with or without byte order mark), line ends as they are.

    Raises:
        SchemaError: It is not UTF-8.
    """
    try:
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error


def not_utf8(path: Path, error: UnicodeDecodeError) -> SchemaError:
    """The error for a text file in another encoding, or for what is no text once it is decompressed."""
    kind = kind_of(_first_bytes(path))
    if kind is not None:
        return SchemaError(
            f"{path}: what is compressed in it is {kind.told}, and no text",
            mend=f"decompress it, then {kind.mend_of(path.with_suffix(''))}",
        )
    line = _line_of_misfit(path, error.encoding)
    return SchemaError(
        f"{path}{'' if line is None else f', line {line}'}: not UTF-8: {error.reason} "
        f"({error.object[error.start : error.start + 1]!r})",
        mend="save the file as UTF-8",
    )


def _first_bytes(path: Path) -> bytes:
    """The first bytes of a file, decompressed; none where it cannot be read again."""
    if not path.is_file():  # a pipe
        return b""
    with open_binary(path) as binary:
        return binary.read(MOST_BYTES)


def _line_of_misfit(path: Path, encoding: str) -> int | None:
    """The line (from 1) of the first bytes that are none of an encoding; None where it cannot be read again.

    Whoever reads a text takes it in pieces of many lines, and so does not know.
    """
    if not path.is_file():  # a pipe
        return None
    line, last, decoder = 1, "", codecs.getincrementaldecoder(encoding)()
    with open_binary(path) as binary:
        while True:
            data = binary.read(_AT_ONCE)
            try:
                text = last + decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                return line + _line_ends(last + error.object[: error.start].decode(encoding, "replace"))
            if not data:
                return None
            last = "\r" if text.endswith("\r") else ""  # the other half of its line's end may follow
            line += _line_ends(text.removesuffix("\r"))


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


@contextmanager
def open_binary(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader]:
    """A file's bytes, decompressed if it ends in .gz or .zst.

    Raises:
        StorageError: It cannot be opened or read.
        CorruptFileError: Its compressed data is damaged or cut short.
    """
    try:
        with _opened(path) as binary:
            yield binary
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if path.suffix.lower() == ".zst" and error.errno is None:  # so Arrow says that the data is damaged
            raise _damaged(path, error) from error
        raise unreadable(path, error) from error


def _damaged(path: Path, why: object) -> CorruptFileError:
    return CorruptFileError(f"{path}: cannot be decompressed: {why}", mend="fetch the file again")


def check_is_file(path: Path) -> None:
    """Refuse a folder, and what is not there.

    Raises:
        StorageError: It is a folder.
        InputFileNotFound: There is nothing of that name.
    """
    if path.is_dir():
        raise StorageError(f"{path}: is a folder", mend="name a file in it")
    if not path.exists():
        raise unreadable(path, FileNotFoundError())


def unreadable(path: Path, error: OSError) -> StorageError:
    """The error for an input file that is not there, or that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return InputFileNotFound(f"{path}: no such file", mend="see that its name and folder are right")
    if isinstance(error, IsADirectoryError):
        return StorageError(f"{path}: is a folder", mend="name a file in it")
    return StorageError(f"{path}: {error.strerror or error}", mend="see that the file is there and readable")


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader]:
    suffix = path.suffix.lower()
    with path.open("rb") as raw:
        if suffix in COMPRESSIONS:
            _check_whole(path, raw)
        if suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as file:
                yield file
        elif suffix == ".zst":
            with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as file:
                yield file
        else:
            _check_text(path, raw)
            yield raw


def _check_text(path: Path, raw: io.BufferedReader) -> None:
    """Refuse what begins as files do that are no text.

    Raises:
        SchemaError: It does.
    """
    kind = kind_of(raw.peek(MOST_BYTES)[:MOST_BYTES])
    if kind is not None:
        raise SchemaError(f"{path}: is {kind.told}, and no text", mend=kind.mend_of(path))


def _check_whole(path: Path, raw: io.BufferedReader) -> None:
    """Refuse what decompresses to less than it should without a complaint: no bytes at all, or blocks without an end."""
    start = raw.read(MOST_BYTES)
    size = raw.seek(0, io.SEEK_END)
    if size == 0:
        raise _damaged(path, "the file is empty")
    kind = kind_of_any(start)
    if kind is not None and kind is not BY_ENDING[path.suffix.lower()]:
        plain = path.with_suffix("")
        raise CorruptFileError(
            f"{path}: cannot be decompressed: it is {kind.told}",
            mend=f"say so in its name: {shlex.quote(plain.name)}" if kind is TEXT else kind.mend_of(plain),
        )
    if start[:4] == _BLOCK_START[:4] and _BLOCK_NAME in _head(raw) and _tail(raw, size) != _BLOCK_END:
        raise _damaged(path, "its last block is missing, the file was cut short")
    raw.seek(0)


def _head(raw: io.BufferedReader) -> bytes:
    raw.seek(0)
    return raw.read(18)[10:]


def _tail(raw: io.BufferedReader, size: int) -> bytes:
    raw.seek(max(0, size - len(_BLOCK_END)))
    return raw.read()
