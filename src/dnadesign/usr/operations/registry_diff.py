"""What changed between two registries, and which overlays of which datasets a change breaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnadesign.usr.contract.errors import RegistryError, SequencesError, ValidationError
from dnadesign.usr.contract.layout import FROZEN, frozen_hash_in
from dnadesign.usr.contract.names import check_namespace
from dnadesign.usr.contract.registry import (
    ColumnsInput,
    Namespace,
    Registry,
    RegistryChange,
    diff_registries,
    given_columns,
)
from dnadesign.usr.contract.registry_match import ColumnMismatch, match_columns
from dnadesign.usr.operations._check_registry import derived_columns
from dnadesign.usr.operations._datasets import list_datasets
from dnadesign.usr.operations._frozen import frozen_hash
from dnadesign.usr.storage.filesystem import REAL, FileSystem
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.registry_file import load_registry, load_snapshot, registry_hash_of
from dnadesign.usr.storage.store import Store

CURRENT, FROZEN_NAME = "current", "frozen"


@dataclass(frozen=True, slots=True)
class BrokenOverlay:
    """Files of one namespace in one dataset that the later registry no longer matches."""

    dataset: str
    namespace: str
    files: int
    columns: tuple[ColumnMismatch, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "dataset": self.dataset,
            "namespace": self.namespace,
            "files": self.files,
            "columns": [column.to_dict() for column in self.columns],
        }


@dataclass(frozen=True, slots=True)
class RegistryDiff:
    """Two registries held against each other.

    Attributes:
        before: Hash of the earlier one.
        after: Hash of the later one.
        changes: What differs, column by column.
        broken: The stored overlays that matched before and do not match after.
        unread: Datasets that could not be looked at, with the reason.
    """

    before: str
    after: str
    changes: tuple[RegistryChange, ...]
    broken: tuple[BrokenOverlay, ...]
    unread: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "before": self.before,
            "after": self.after,
            "changes": [change.to_dict() for change in self.changes],
            "broken": [overlay.to_dict() for overlay in self.broken],
            "unread": [{"dataset": name, "reason": reason} for name, reason in self.unread],
        }


def diff_registry(
    root: str | Path,
    *,
    dataset: str | None = None,
    before: str = FROZEN_NAME,
    after: str = CURRENT,
    fs: FileSystem = REAL,
) -> RegistryDiff:
    """What changed between two registries of a root.

    Args:
        root: The root's folder.
        dataset: Whose frozen registry and snapshots are meant; also the only one looked at for broken overlays.
        before: ``current``, ``frozen``, or the hash (or its first 8 digits or more) of a snapshot of the dataset.
        after: Likewise.
        fs: The file system.

    Raises:
        RegistryError: There is no such registry.
        ValidationError: A frozen registry or snapshot is asked for and no dataset named.
    """
    folder = path_of(root, what="root")
    old = _named(folder, dataset, before, fs)
    new = _named(folder, dataset, after, fs)
    return _compare(folder, old, new, [dataset] if dataset is not None else list_datasets(folder, fs=fs), fs)


def preview_registration(
    root: str | Path, *, namespace: str, columns: ColumnsInput, fs: FileSystem = REAL
) -> RegistryDiff:
    """What registering these columns would change and break, without doing it; owner and description stay.

    Args:
        root: The root's folder.
        namespace: The namespace.
        columns: As :func:`dnadesign.usr.register_namespace` takes them.
        fs: The file system.

    Raises:
        RegistryError: There is no registry yet, or the columns break a rule.
    """
    folder = path_of(root, what="root")
    old = load_registry(folder, fs=fs)
    had = old.get(namespace)
    wanted = Namespace(
        name=check_namespace(namespace),
        columns=given_columns(columns, namespace=namespace),
        owner=had.owner if had else None,
        description=had.description if had else None,
    )
    return _compare(folder, old, old.with_namespace(wanted), list_datasets(folder, fs=fs), fs)


def _named(root: Path, dataset: str | None, name: str, fs: FileSystem) -> Registry:
    if name == CURRENT:
        return load_registry(root, fs=fs)
    if dataset is None:
        raise ValidationError(
            f"registry {name!r} is a dataset's own",
            mend="name the dataset: usr namespace diff ID",
        )
    store = Store(root=root, name=dataset, fs=fs)
    if name != FROZEN_NAME:
        return load_snapshot(store.dir, _whole_hash(store, name), fs=fs)
    with store.pin() as version:
        frozen = frozen_hash(store, version.base.footer.key_values)
    if frozen is None:
        raise RegistryError(
            f"{store.dir}: no registry is frozen",
            mend=f"freeze it: usr maintenance registry-freeze {dataset} --reason TEXT",
        )
    return load_snapshot(store.dir, frozen, fs=fs)


def _whole_hash(store: Store, prefix: str) -> str:
    known = [
        found for name in store.fs.names(store.path(FROZEN)) if (found := frozen_hash_in(name)) is not None
    ]
    matching = [found for found in known if found.startswith(prefix) and len(prefix) >= 8]
    if len(matching) != 1:
        raise RegistryError(
            f"{store.dir}: {prefix!r} is no snapshot of it",
            mend=f"name 'current', 'frozen' or one of: {', '.join(h[:12] for h in known) or 'none is there'}",
        )
    return matching[0]


def _compare(root: Path, old: Registry, new: Registry, datasets: list[str], fs: FileSystem) -> RegistryDiff:
    changes = diff_registries(old, new)
    broken: list[BrokenOverlay] = []
    unread: list[tuple[str, str]] = []
    if not all(change.is_compatible for change in changes):
        for name in datasets:
            try:
                broken += _broken_in(Store(root=root, name=name, fs=fs), old, new)
            except SequencesError as error:
                unread.append((name, error.message))
    return RegistryDiff(registry_hash_of(old), registry_hash_of(new), changes, tuple(broken), tuple(unread))


def _broken_in(store: Store, old: Registry, new: Registry) -> list[BrokenOverlay]:
    """The namespaces of a dataset with files that match the old registry and not the new one."""
    files: dict[str, int] = {}
    columns: dict[str, dict[str, ColumnMismatch]] = {}
    with store.pin() as version:
        for file in version.files():
            stored = derived_columns(file)
            arrow_schema = file.footer.has_arrow_schema
            before = {m.column for m in match_columns(stored, old, arrow_schema=arrow_schema)}
            after = match_columns(stored, new, arrow_schema=arrow_schema)
            fresh = [m for m in after if m.column not in before]
            for namespace in {m.column.partition("__")[0] for m in fresh}:
                files[namespace] = files.get(namespace, 0) + 1
            for mismatch in fresh:
                columns.setdefault(mismatch.column.partition("__")[0], {})[mismatch.column] = mismatch
    return [BrokenOverlay(store.name, n, files[n], tuple(columns[n].values())) for n in sorted(files)]
