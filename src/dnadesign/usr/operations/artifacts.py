"""Artifacts: read one, list them, and remove those that no row refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dnadesign.usr.contract.arguments import mapping_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import CorruptFileError, ValidationError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.layout import ARTIFACTS, DERIVED_ARCHIVE, RECORDS, SNAPSHOTS, artifact_parts
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._artifacts import (
    REF,
    SHA256,
    ArtifactRef,
    read_artifact_bytes,
    stored_refs,
    wanted_columns,
)
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import event_count
from dnadesign.usr.storage.artifact_file import decode_arrays
from dnadesign.usr.storage.filesystem import OpenFile, opened
from dnadesign.usr.storage.intent import Remove
from dnadesign.usr.storage.parquet import read_columns, read_footer
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import stored_overlays


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """A file of arrays; ``referenced`` is whether any row leads to it."""

    path: str
    bytes: int
    referenced: bool

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {"path": self.path, "bytes": self.bytes, "referenced": self.referenced}


@dataclass(frozen=True, slots=True)
class PruneArtifactsResult:
    """How many files of arrays were removed, and their size together."""

    files: int
    bytes: int

    def to_dict(self) -> dict[str, int]:
        """For machine-readable output."""
        return {"files": self.files, "bytes": self.bytes}


def read_artifact(store: Store, ref: ArtifactRef | Mapping[str, Any] | str) -> dict[str, np.ndarray]:
    """The arrays of an artifact, its hash checked before anything is read from it.

    Args:
        store: The dataset.
        ref: What :meth:`Transaction.write_artifact` gave, a row that refers to one artifact, or a path.

    Raises:
        ValidationError: It leads to no artifact of the dataset.
        CorruptFileError: The file is gone, or its bytes are not those that it is named after.
    """
    path, said = _target(ref)
    parts = artifact_parts(path)
    if parts is None or _leaves(store, path):
        raise ValidationError(
            f"{path!r:.200} is not an artifact of the dataset: expected {ARTIFACTS}/<namespace>/<sha256>.npz",
            mend="give the path that write_artifact returned; list_artifacts names all",
        )
    if said is not None and said != parts[1]:
        raise ValidationError(
            f"{path!r} and the hash beside it, {said!r:.80}, differ", mend="take both from one row"
        )
    data = read_artifact_bytes(store.fs, store, path)
    if data is None:
        raise CorruptFileError(f"{store.path(path)}: the artifact is gone", mend="restore it from a backup")
    return decode_arrays(data, where=str(store.path(path)), sha256=parts[1])


def _target(ref: ArtifactRef | Mapping[str, Any] | str) -> tuple[str, str | None]:
    if isinstance(ref, ArtifactRef):
        return ref.path, ref.sha256
    if isinstance(ref, str):
        return ref, None
    if isinstance(ref, Mapping):
        refs = [
            name
            for name in mapping_of(ref, what="ref")
            if name.endswith(f"__{REF}") and ref[name] is not None
        ]
        if len(refs) == 1:
            return str(ref[refs[0]]), ref.get(f"{refs[0].removesuffix(REF)}{SHA256}")
        raise ValidationError(
            f"the row refers to {counted(len(refs), 'artifact')}, expected 1", mend="pass the path of one"
        )
    raise ValidationError(
        f"expected a reference, a row or a path, found {type(ref).__name__}",
        mend="give what write_artifact returned, a row with one reference, or a path",
    )


def _leaves(store: Store, path: str) -> bool:
    """Whether a link on the way leads out of the dataset."""
    return not store.path(path).resolve().is_relative_to(store.dir.resolve())


def list_artifacts(store: Store) -> tuple[ArtifactInfo, ...]:
    """All artifacts of a dataset, by path."""
    found = _on_disk(
        store
    )  # before the version is pinned: what it refers to later is then not taken for idle
    used: set[str] = set()
    with store.pin() as version:
        for file in version.files():
            used |= _refs_of(file.file)
    used |= _refs_set_aside(store)
    return tuple(ArtifactInfo(path, size, path in used) for path, size in sorted(found.items()))


def _on_disk(store: Store) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder in store.fs.list(store.path(ARTIFACTS)):
        for entry in store.fs.list(store.path(f"{ARTIFACTS}/{folder.name}")) if folder.is_dir else ():
            path = f"{ARTIFACTS}/{folder.name}/{entry.name}"
            there = store.fs.stat(store.path(path)) if artifact_parts(path) is not None else None
            if there is not None and not there.is_dir:
                found[path] = there.size
    return found


def _refs_of(file: OpenFile) -> set[str]:
    columns = wanted_columns(read_footer(file))
    return stored_refs(read_columns(file, columns)) if columns else set()


def _refs_set_aside(store: Store) -> set[str]:
    """What archived overlays and snapshots refer to: they must stay of use until somebody removes them."""
    used: set[str] = set()
    for path in (*_parquet_files(store, DERIVED_ARCHIVE), *_parquet_files(store, SNAPSHOTS)):
        with opened(store.fs, store.path(path), "read") as file:
            used |= _refs_of(file)
    return used


def _parquet_files(store: Store, folder: str) -> Iterator[str]:
    for entry in store.fs.list(store.path(folder)):
        path = f"{folder}/{entry.name}"
        if entry.is_dir:
            yield from _parquet_files(store, path)
        elif entry.name.endswith(".parquet"):
            yield path


@dataclass
class PruneArtifacts:
    """The step that removes artifacts that nothing refers to, archived overlays and snapshots included."""

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Nothing can be known before the lock."""

    def content(self, digest: Digest) -> None:
        """Feed the verb; it has no input."""
        digest_text(digest, "artifacts_prune")

    def apply(self, mutation: Mutation) -> PruneArtifactsResult:
        """Have the files removed."""
        store = mutation.store
        paths = [path for group in stored_overlays(store.fs, store.dir, None).values() for path in group]
        used = _refs_set_aside(store)
        for path in (RECORDS, *paths):
            with opened(store.fs, store.path(path), "read") as file:
                used |= _refs_of(file)
        idle = {path: size for path, size in sorted(_on_disk(store).items()) if path not in used}
        result = PruneArtifactsResult(len(idle), sum(idle.values()))
        if idle:
            mutation.removes += [Remove(path) for path in idle]
            mutation.note(
                Draft(
                    action="artifacts_prune",
                    metrics={"rows": 0, **result.to_dict()},
                    removed=[{"path": path, "bytes": size} for path, size in idle.items()],
                    fingerprint=Fingerprint(),
                )
            )
        return result

    def replay(self, event: Event) -> PruneArtifactsResult:
        """The result of the same removal, committed before."""
        return PruneArtifactsResult(event_count(event, "files"), event_count(event, "bytes"))
