"""Text files, plain or compressed, read line by line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError, StorageError

COMPRESSIONS = (".gz", ".zst")


def plain_suffix(path: Path) -> str:
    """The ending that tells a file's format, without that of its compression: ``.csv`` for ``a.csv.gz``."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A file in UTF-8 (with or without byte order mark), decompressed if it ends in .gz or .zst; line ends as they are.

    Raises:
        StorageError: It cannot be opened or read.
        SchemaError: It is not UTF-8.
        CorruptFileError: Its compressed data is damaged or cut short.
    """
    try:
        with _opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"{path}: not UTF-8: {error.reason} ({error.object[error.start : error.start + 1]!r})",
            mend="save the file as UTF-8",
        ) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CorruptFileError(
            f"{path}: cannot be decompressed: {error}", mend="fetch the file again"
        ) from error
    except OSError as error:
        if path.suffix.lower() == ".zst" and error.errno is None:  # so Arrow says that the data is damaged
            raise CorruptFileError(
                f"{path}: cannot be decompressed: {error}", mend="fetch the file again"
            ) from error
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> StorageError:
    """The error for an input file that the system does not let us read."""
    return StorageError(f"{path}: {error.strerror or error}", mend="see that the file is there and readable")


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path, "rb") as file:
            yield file
    elif suffix == ".zst":
        with path.open("rb") as raw, pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as file:
            yield file
    else:
        with path.open("rb") as file:
            yield file
