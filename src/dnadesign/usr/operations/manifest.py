"""Every file of a dataset with its size and hash, for copying and comparing datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dnadesign.usr.contract.errors import ConcurrentChangeError
from dnadesign.usr.contract.layout import (
    EVENTS,
    META_FROZEN_HASH,
    META_REGISTRY_HASH,
    RECORDS,
    SCHEMA_VERSION,
    overlay_of,
)
from dnadesign.usr.operations._files import files_on_disk
from dnadesign.usr.storage.event_log import outline_in, read_all_lines
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.parquet import read_footer
from dnadesign.usr.storage.registry_file import registry_hash
from dnadesign.usr.storage.staging import hash_range
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version
from dnadesign.usr.storage.visibility import committed_log_end

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file: its path relative to the dataset, bytes, hash, and rows if it is a table."""

    path: str
    bytes: int
    sha256: str
    rows: int | None

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {"path": self.path, "bytes": self.bytes, "sha256": self.sha256, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset as of one committed event.

    Attributes:
        dataset: Its id.
        schema_version: Version of the format.
        registry_hash: Hash of the root's registry.
        base_registry_hash: That of the registry in force when the base was last written.
        frozen_registry_hash: That of the frozen registry, or None.
        rows: Base rows, deleted ones included.
        events: How many events were committed.
        last_event_id: The last one; None in logs of older tools.
        files: Every file but the lock and what is private to the library, sorted by path; of the log its committed
            bytes.
    """

    dataset: str
    schema_version: str
    registry_hash: str
    base_registry_hash: str | None
    frozen_registry_hash: str | None
    rows: int
    events: int
    last_event_id: str | None
    files: tuple[ManifestFile, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "dataset": self.dataset,
            "schema_version": self.schema_version,
            "registry_hash": self.registry_hash,
            "base_registry_hash": self.base_registry_hash,
            "frozen_registry_hash": self.frozen_registry_hash,
            "rows": self.rows,
            "events": self.events,
            "last_event_id": self.last_event_id,
            "files": [file.to_dict() for file in self.files],
        }


def manifest(store: Store) -> Manifest:
    """The files of the newest committed version.

    Raises:
        DatasetNotFound: There is no dataset.
        ConcurrentChangeError: Files were removed each time while they were read.
        CorruptFileError: A table is damaged.
        OverlayLayoutError: An overlay is both a file and parts.
    """
    for _ in range(_ATTEMPTS):
        with store.pin() as version:
            version.check_layouts()
            others = _other_files(store)
            now = committed_log_end(store.fs, store.dir)
            if (now.device, now.inode, now.end) != (version.log.device, version.log.inode, version.log.end):
                continue
            try:
                return _manifest(store, version, others)
            except FileNotFoundError:  # pruned, or archived with the log, meanwhile
                continue
    raise ConcurrentChangeError(
        f"{store.dir}: changed each of the {_ATTEMPTS} times that its files were listed", mend="try again"
    )


def _other_files(store: Store) -> list[str]:
    """The files that are not the base, an overlay or the log; these never change under their name."""
    return [path for path in files_on_disk(store.fs, store) if path != RECORDS and overlay_of(path) is None]


def _manifest(store: Store, version: Version, others: list[str]) -> Manifest:
    files = []
    for pinned in version.files():
        footer = pinned.footer
        files.append(
            ManifestFile(pinned.path, footer.size, hash_range(pinned.file, 0, footer.size), footer.rows)
        )
    files += [_file(store, path, None) for path in others]
    files.append(_file(store, EVENTS, version.log.end))
    events, last = 0, None
    for line in read_all_lines(store.fs, store.dir, end=version.log.end, log=version.log):
        events, last = events + 1, outline_in(line).event_id
    said = version.base.footer.key_values
    stamped, frozen = said.get(META_REGISTRY_HASH), said.get(META_FROZEN_HASH)
    return Manifest(
        dataset=store.name,
        schema_version=SCHEMA_VERSION,
        registry_hash=registry_hash(store.root),
        base_registry_hash=stamped.decode("ascii", "replace") if stamped is not None else None,
        frozen_registry_hash=frozen.decode("ascii", "replace") if frozen is not None else None,
        rows=version.base.footer.rows,
        events=events,
        last_event_id=last,
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _file(store: Store, path: str, end: int | None) -> ManifestFile:
    with opened(store.fs, store.path(path), "read") as file:
        size = file.stat().size if end is None else end
        rows = read_footer(file).rows if path.endswith(".parquet") else None
        return ManifestFile(path, size, hash_range(file, 0, size), rows)
