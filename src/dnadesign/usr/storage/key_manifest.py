"""What the cached keys of a dataset stand for, and in which files of ``.usr/keys`` they are.

The manifest is one line of JSON and a second line with the sha256 of the first. It holds the end of the log as of which
the keys are true, with the hash of the line that ends there (which is in no other log), the base's size and footer
hash then, and for each file the hash that all checks of it rest on. Files are named for their content and are never
changed: a writer puts new ones beside them, then renames its manifest into place, then removes what that does not name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.layout import EVENTS, KEYS
from dnadesign.usr.storage.filesystem import FileSystem, OpenFile, opened, read_bytes
from dnadesign.usr.storage.key_index import FileMark
from dnadesign.usr.storage.log_lines import read_lines_backward
from dnadesign.usr.storage.parquet import Footer, read_footer

INDEX = f"{KEYS}/index"
_VERSION = 2


@dataclass(frozen=True, slots=True)
class LogMark:
    """A place in the log: where a line ends, and the length and sha256 of that line."""

    end: int
    line_bytes: int
    line_sha256: str


@dataclass(frozen=True, slots=True)
class BaseMark:
    """The base at some time: its rows, its size in bytes, and the sha256 of its footer."""

    rows: int
    bytes: int
    footer_sha256: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the cache: its name in the folder, how many rows its array has, and the hash of its table."""

    name: str
    rows: int
    table_sha256: str


@dataclass(frozen=True, slots=True)
class NamespaceEntry:
    """The cached coverage of one namespace.

    Attributes:
        file: Where it is, as of the time that this was written.
        later: Where the rows are that came after that, if any did.
        columns: The columns that the overlay's files store, as the key index has them.
        footer_sha256: The hash of the footer of a single-file overlay, which can be replaced under its name; of
            parts None, for their names are unique.
    """

    file: StoredFile
    later: StoredFile | None
    columns: dict[str, tuple[pa.DataType, bool]]
    footer_sha256: str | None

    @property
    def files(self) -> list[StoredFile]:
        """All files of the cache that it is in."""
        return [self.file, *([self.later] if self.later is not None else [])]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the cache stands for, and its files."""

    log: LogMark
    base: BaseMark
    keys: StoredFile
    namespaces: dict[str, NamespaceEntry]

    @property
    def names(self) -> set[str]:
        """The files that it names."""
        return {self.keys.name, *(file.name for entry in self.namespaces.values() for file in entry.files)}

    def to_bytes(self) -> bytes:
        """The manifest's file."""
        body = json.dumps(
            {
                "key_cache_version": _VERSION,
                "log": [self.log.end, self.log.line_bytes, self.log.line_sha256],
                "base": [self.base.rows, self.base.bytes, self.base.footer_sha256],
                "keys": _stored_to_json(self.keys),
                "namespaces": {
                    name: {
                        "files": [_stored_to_json(file) for file in entry.files],
                        "footer": entry.footer_sha256,
                        **_columns_to_json(entry.columns),
                    }
                    for name, entry in self.namespaces.items()
                },
            },
            separators=(",", ":"),
        ).encode()
        return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"


def _stored_to_json(file: StoredFile) -> list[Any]:
    return [file.name, file.rows, file.table_sha256]


def _columns_to_json(columns: dict[str, tuple[pa.DataType, bool]]) -> dict[str, Any]:
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    known = [arrow_schema for _, arrow_schema in columns.values()]
    return {"schema": base64.b64encode(schema.serialize()).decode(), "arrow_schema": known}


def read_manifest(fs: FileSystem, dataset: Path) -> Manifest | None:
    """The manifest of a dataset's cached keys; None if there is none, or one that is damaged or of another version."""
    try:
        data = read_bytes(fs, dataset / INDEX)
    except OSError:  # whatever it is: the cache is not needed
        return None
    body, _, tail = (data or b"").partition(b"\n")
    if tail != hashlib.sha256(body).hexdigest().encode() + b"\n":
        return None
    found = json.loads(body)
    return _from_json(found) if found.get("key_cache_version") == _VERSION else None


def _from_json(found: dict[str, Any]) -> Manifest:
    return Manifest(
        log=LogMark(*found["log"]),
        base=BaseMark(*found["base"]),
        keys=StoredFile(*found["keys"]),
        namespaces={name: _entry_from_json(entry) for name, entry in found["namespaces"].items()},
    )


def _entry_from_json(found: dict[str, Any]) -> NamespaceEntry:
    file, *later = (StoredFile(*stored) for stored in found["files"])
    return NamespaceEntry(file, later[0] if later else None, _columns_from_json(found), found["footer"])


def _columns_from_json(entry: dict[str, Any]) -> dict[str, tuple[pa.DataType, bool]]:
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(entry["schema"])))
    return {
        field.name: (field.type, known) for field, known in zip(schema, entry["arrow_schema"], strict=True)
    }


def mark_base(fs: FileSystem, path: Path) -> BaseMark:
    """The mark of a Parquet file as it is now.

    Raises:
        CorruptFileError: It is damaged.
    """
    with opened(fs, path, "read") as file:
        return mark_of(read_footer(file))


def mark_of(footer: Footer) -> BaseMark:
    """The mark of a Parquet file with that footer."""
    return BaseMark(footer.rows, footer.size, hashlib.sha256(footer.thrift).hexdigest())


def mark_single(file: OpenFile, footer: Footer) -> FileMark:
    """The mark of an open single-file overlay with that footer."""
    return FileMark(file.stat().identity, mark_of(footer).footer_sha256)


def mark_log(fs: FileSystem, dataset: Path, end: int) -> LogMark | None:
    """The mark of an offset of the log, a line end; None where no line ends there."""
    with opened(fs, dataset / EVENTS, "read") as log:
        line = next(read_lines_backward(log, end), None)
    if line is None or line.too_long or not line.raw.endswith(b"\n"):
        return None
    return LogMark(end, len(line.raw), hashlib.sha256(line.raw).hexdigest())


def log_has(log: OpenFile, mark: LogMark) -> bool:
    """Whether an open log has the marked line where the mark says."""
    line = log.read_at(mark.end - mark.line_bytes, mark.line_bytes)
    return hashlib.sha256(line).hexdigest() == mark.line_sha256
