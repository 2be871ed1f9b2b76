"""Write rows out for other tools: streaming, and whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pyarrow as pa

from dnadesign.usr.contract.arguments import columns_of
from dnadesign.usr.contract.errors import SchemaError, StorageError, ValidationError
from dnadesign.usr.contract.layout import EVENTS
from dnadesign.usr.formats.writers import SEPARATORS, compressed, export_format, write_rows
from dnadesign.usr.operations._scan import scan
from dnadesign.usr.storage.filesystem import FileSystem, opened
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.store import Store

STANDARD_OUTPUT = "-"
_ALSO_STANDARD_OUTPUT = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written: where (``-`` is the standard output), in which format, rows, columns, and bytes of a file."""

    path: str
    format: str
    rows: int
    columns: tuple[str, ...]
    bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "path": self.path,
            "format": self.format,
            "rows": self.rows,
            "columns": list(self.columns),
            "bytes": self.bytes,
        }


def export(
    store: Store,
    path: str | PathLike[str],
    *,
    format: str | None = None,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    namespaces: Sequence[str] | None = None,
    include_deleted: bool = False,
) -> ExportResult:
    """Write the merged rows to a file or the standard output; see :meth:`dnadesign.usr.Dataset.export`.

    Raises:
        ValidationError: Nothing tells the format, or the file would lie in a dataset.
        SchemaError: A column or namespace is unknown.
        StorageError: The file cannot be written.
    """
    target = None if path == STANDARD_OUTPUT else path_of(path, what="path").absolute()
    if str(target) in _ALSO_STANDARD_OUTPUT:
        target = None
    kind = export_format(target, given=format)
    if target is not None:
        _check_target(store.fs, target)
    reader = scan(
        store,
        _fasta_columns(columns) if kind == "fasta" else columns,
        namespaces=namespaces,
        where=where,
        include_deleted=include_deleted,
    )
    if kind in SEPARATORS and not reader.schema.names:
        raise SchemaError(f"{store.dir}: no column is left to export", mend="name at least one column")
    size = None
    try:
        if target is None:
            rows = write_rows(sys.stdout.buffer, kind, reader.schema, reader)
            sys.stdout.buffer.flush()
        elif (found := store.fs.stat(target)) is not None and found.is_special:
            rows = _feed(store.fs, target, kind, reader)
        else:
            rows, size = _write_file(store.fs, target, kind, reader)
    finally:
        reader.close()
    return ExportResult(
        STANDARD_OUTPUT if target is None else os.fspath(path), kind, rows, tuple(reader.schema.names), size
    )


def _fasta_columns(columns: Sequence[str] | None) -> list[str]:
    """What a FASTA record needs, and then what its header also tells."""
    given = [] if columns is None else columns_of(columns)
    return list(dict.fromkeys(["id", "sequence", *given]))


def _check_target(fs: FileSystem, target: Path) -> None:
    """Refuse to write into a dataset, where every file belongs to an event."""
    found = fs.stat(target)
    if found is not None and found.is_dir:
        raise ValidationError(f"{target}: is a folder", mend="name a file in it")
    for folder in target.resolve().parents:
        if fs.stat(folder / EVENTS) is not None:
            raise ValidationError(
                f"{target}: lies in the dataset {folder}, in which only usr writes",
                mend="export to another folder",
            )


def _feed(fs: FileSystem, target: Path, kind: str, reader: pa.RecordBatchReader) -> int:
    """Rows written into a pipe or a device, which stays what it is; a pipe's reader is waited for."""
    try:
        with opened(fs, target, "feed") as file, _stream(file.fd) as sink, compressed(sink, target) as packed:
            return write_rows(packed, kind, reader.schema, reader)
    except BrokenPipeError as error:
        raise StorageError(
            f"{target}: its reader went away before the end", mend="start the reader again, then export again"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{target}: {error.strerror or error}", mend="see that it can be written, and has room"
        ) from error


def _write_file(fs: FileSystem, target: Path, kind: str, reader: pa.RecordBatchReader) -> tuple[int, int]:
    """Rows and bytes written to a hidden file beside the target, which takes its place at the end."""
    target = target.resolve()  # a link goes on pointing to what it pointed to
    hidden = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with _removed_on_failure(fs, hidden), opened(fs, hidden, "create", like=fs.stat(target)) as file:
            with _stream(file.fd) as sink, compressed(sink, target) as packed:
                rows = write_rows(packed, kind, reader.schema, reader)
            file.sync()
            size = file.stat().size
            fs.rename(hidden, target)
            fs.sync_dir(target.parent)
    except OSError as error:
        raise StorageError(
            f"{target}: {error.strerror or error}; nothing was written",
            mend="see that the folder is there and writable, and has room",
        ) from error
    return rows, size


@contextlib.contextmanager
def _stream(fd: int) -> Iterator[BinaryIO]:
    with os.fdopen(fd, "wb", closefd=False) as sink:
        yield sink


@contextlib.contextmanager
def _removed_on_failure(fs: FileSystem, path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # it was never made, or its folder has gone
            fs.unlink(path)
        raise
