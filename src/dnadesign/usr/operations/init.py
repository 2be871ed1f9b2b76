"""Make a dataset: an empty base, its notes, and its first event."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import NamespaceError, ValidationError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import (
    EVENTS,
    ID_HASH,
    LEASES,
    META,
    META_CREATED_AT,
    META_ID_HASH,
    META_REGISTRY_HASH,
    META_SCHEMA_VERSION,
    RECORDS,
    SCHEMA_VERSION,
    isoformat,
)
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.records import CORE_SCHEMA
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._lost_log import check_nothing_there
from dnadesign.usr.operations._mutation import Draft, Mutation, whole_base
from dnadesign.usr.storage.filesystem import FileSystem, make_dirs, opened
from dnadesign.usr.storage.journal import storage_error
from dnadesign.usr.storage.parquet import encode
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store


@dataclass
class Init:
    """The step that makes a dataset.

    Attributes:
        source: Where its sequences come from.
        notes: Anything a reader should know.
    """

    source: str = ""
    notes: str = ""

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Nothing can be done before the lock: the files carry the time of the commit."""

    def content(self, digest: Digest) -> None:
        """Feed the notes."""
        digest_text(digest, self.source)
        digest_text(digest, self.notes)

    def apply(self, mutation: Mutation) -> None:
        """Stage the empty base and the notes.

        Raises:
            ValidationError: The dataset is there already.
            CorruptFileError: Records or overlays are there, and no event that tells of them.
        """
        store = mutation.store
        if store.exists():
            raise there_already(store)
        check_nothing_there(store)
        created = isoformat(mutation.moment)
        metadata = {
            META_SCHEMA_VERSION: SCHEMA_VERSION.encode(),
            META_ID_HASH: ID_HASH.encode(),
            META_CREATED_AT: created.encode(),
            META_REGISTRY_HASH: mutation.registry_hash.encode(),
        }
        files = {RECORDS: encode(CORE_SCHEMA.empty_table(), metadata), META: self._notes(store.name, created)}
        added = []
        for path, data in files.items():
            staged = mutation.staging.write(data)
            mutation.publishes.append(staged.publish(path))
            entry = {"path": path, "bytes": staged.bytes, "sha256": staged.sha256}
            added.append(whole_base(store, staged) if path == RECORDS else entry)
        size = len(files[RECORDS])
        mutation.note(
            Draft(
                action="init",
                args={"source": self.source},
                metrics={"rows": 0, "bytes": size},
                added=added,
                fingerprint=Fingerprint(0, len(CORE_SCHEMA.names), size),
            )
        )

    def replay(self, event: Event) -> None:
        """Init has no result."""

    def _notes(self, name: str, created: str) -> bytes:
        lines = [
            f"name: {name}",
            f"created_at: {created}",
            f"source: {self.source}",
            f"notes: {self.notes}",
            f"schema: USR v{SCHEMA_VERSION}",
        ]
        return ("\n".join(lines) + "\n").encode()


def prepare_folder(store: Store) -> None:
    """Make the dataset's folders and its empty log, each durable; repeating it changes nothing.

    Raises:
        StorageError: The disk refused.
    """
    try:
        make_dirs(store.fs, store.dir / LEASES, sure_below=store.root)
        with opened(store.fs, store.dir / EVENTS, "open_or_create") as log:
            log.sync()
        store.fs.sync_dir(store.dir)
    except OSError as error:
        raise storage_error(error, store.dir) from error


def check_not_nested(store: Store) -> None:
    """Refuse a dataset in another one's folder, and one whose folder has others: neither would be told from the other's files.

    Raises:
        ValidationError: It would be one of these.
    """
    group, separator, _ = store.name.partition("/")
    if separator and _is_dataset(store.root, group, store.fs):
        raise ValidationError(
            f"{store.dir}: {group!r} is a dataset, so there can be none in it",
            mend="choose another group, or a name without one",
        )
    inside = [] if separator else [entry.name for entry in store.fs.list(store.dir) if entry.is_dir]
    found = [name for name in sorted(inside) if _is_dataset(store.root, f"{store.name}/{name}", store.fs)]
    if found:
        raise ValidationError(
            f"{store.dir}: is a group, of the dataset {store.name}/{found[0]}",
            mend=f"choose another name, such as {store.name}/NAME",
        )


def _is_dataset(root: Path, name: str, fs: FileSystem) -> bool:
    try:
        store = Store(root, name, fs=fs)
    except NamespaceError:  # a folder that is none, such as _derived
        return False
    return store.exists()


def there_already(store: Store) -> ValidationError:
    """The error for a dataset that is to be made and is there."""
    return ValidationError(
        f"{store.dir}: the dataset is there already",
        mend=spelled(
            "{}, or choose another name",
            ("open it: Dataset.open(root, name)", f"look at it: usr info {store.name}"),
        ),
    )
