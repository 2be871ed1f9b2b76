"""Arrays in files beside the tables: what a row says of one, and which rows refer to which."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import CorruptFileError, SchemaError, ValidationError
from dnadesign.usr.contract.layout import ARTIFACTS, artifact_file, artifact_parts
from dnadesign.usr.contract.names import check_namespace
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.storage.artifact_file import ArrayInfo, Arrays, encode_arrays
from dnadesign.usr.storage.filesystem import FileSystem
from dnadesign.usr.storage.intent import read_intent_as_counted
from dnadesign.usr.storage.parquet import Footer
from dnadesign.usr.storage.staging import Staged, Staging
from dnadesign.usr.storage.store import Store

REF, SHA256, BYTES, ARRAYS = "npz_ref", "npz_sha256", "npz_bytes", "npz_arrays"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A file of arrays.

    Attributes:
        path: Where it lies, relative to the dataset.
        sha256: Hash of its bytes, which is also its name.
        bytes: Its size.
        arrays: What is in it.
    """

    path: str
    sha256: str
    bytes: int
    arrays: tuple[ArrayInfo, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "arrays": [array.to_dict() for array in self.arrays],
        }

    def columns(self, namespace: str) -> dict[str, Any]:
        """The values of the four columns that refer to it: ``<namespace>__npz_ref`` and so on."""
        values = (self.path, self.sha256, self.bytes, [array.to_dict() for array in self.arrays])
        return {f"{namespace}__{n}": v for n, v in zip((REF, SHA256, BYTES, ARRAYS), values, strict=True)}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of arrays that is still to be written."""

    ref: ArtifactRef
    data: bytes


def make_artifact(namespace: str, arrays: Arrays) -> Artifact:
    """Arrays as a file of a namespace.

    Raises:
        NamespaceError: The namespace is outside the grammar.
        SchemaError: An array is not of numbers, bools, or text and bytes of fixed width.
    """
    check_namespace(namespace)
    encoded = encode_arrays(arrays)
    path = artifact_file(namespace, encoded.sha256)
    ref = ArtifactRef(path, encoded.sha256, len(encoded.data), encoded.arrays)
    return Artifact(ref, encoded.data)


def stage_artifacts(staging: Staging, artifacts: Iterable[Artifact]) -> dict[str, Staged]:
    """Stage each file once; by path."""
    staged: dict[str, Staged] = {}
    for artifact in artifacts:
        if artifact.ref.path not in staged:
            staged[artifact.ref.path] = staging.write(artifact.data)
    return staged


def not_there_yet(store: Store, staged: dict[str, Staged]) -> dict[str, Staged]:
    """Those of the staged files that the dataset does not have; its lock is held.

    Raises:
        CorruptFileError: One is there with another size.
    """
    new: dict[str, Staged] = {}
    for path, file in staged.items():
        there = store.fs.stat(store.path(path))
        if there is None:
            new[path] = file
        elif there.size != file.bytes:
            raise CorruptFileError(
                f"{store.path(path)}: has {counted(there.size, 'byte')}, expected {file.bytes}",
                mend="it is damaged: restore it from a backup, or move it away",
            )
    return new


def ref_columns(schema: pa.Schema) -> list[str]:
    """Those of the columns that refer to artifacts."""
    return [f.name for f in schema if f.name.endswith(f"__{REF}") and _is_text(f.type)]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _told_beside(schema: pa.Schema, column: str) -> list[str]:
    """A column that refers to artifacts, and those beside it that give hash and size."""
    stem = column.removesuffix(REF)
    fits = {f"{stem}{SHA256}": _is_text, f"{stem}{BYTES}": pa.types.is_integer}
    return [column, *(n for n, fit in fits.items() if n in schema.names and fit(schema.field(n).type))]


def distinct_refs(table: pa.Table, column: str) -> Iterator[tuple[str, str | None, int | None]]:
    """Each reference of a column once: path, and hash and size where columns beside it give them."""
    stem = column.removesuffix(REF)
    names = _told_beside(table.schema, column)
    found = table.select(names).filter(pc.is_valid(table.column(column)))
    for row in found.group_by(names).aggregate([]).to_pylist():
        yield row[column], row.get(f"{stem}{SHA256}"), row.get(f"{stem}{BYTES}")


def reference_problem(
    path: str, sha256: str | None, size: int | None, *, sizes: dict[str, int] | None, store: Store
) -> str | None:
    """What is wrong with a reference, or None.

    Args:
        path: Where it leads.
        sha256: The hash beside it.
        size: The size beside it.
        sizes: Files that count as there, with their sizes.
        store: The dataset.
    """
    parts = artifact_parts(path)
    if parts is None:
        return f"{path!r:.120} is not of the form {ARTIFACTS}/<namespace>/<sha256>.npz"
    if sha256 is not None and sha256 != parts[1]:
        return f"{path!r} and the hash beside it, {sha256!r:.80}, differ"
    there = store.fs.stat(store.path(path))
    found = there.size if there is not None else (sizes or {}).get(path)
    if found is None:
        return f"{path!r} is not there"
    if size is not None and size != found:
        return f"{path!r} has {counted(found, 'byte')}, the row says {size}"
    return None


def check_references(store: Store, table: pa.Table, *, sizes: dict[str, int], what: str) -> None:
    """Refuse rows that refer to a file that is neither there nor about to be.

    Raises:
        SchemaError: There are some.
    """
    for column in ref_columns(table.schema):
        problems = [
            problem
            for path, sha256, size in distinct_refs(table, column)
            if (problem := reference_problem(path, sha256, size, sizes=sizes, store=store))
        ]
        if problems:
            raise SchemaError(
                f"{what}, column {column!r}: {'; '.join(problems[:_SHOWN])}{'; ...' if len(problems) > _SHOWN else ''}",
                mend="write the arrays in the same transaction first: ref = tx.write_artifact(namespace, arrays)",
            )


def check_all_used(artifacts: Iterable[Artifact], table: pa.Table, *, namespace: str, what: str) -> None:
    """Refuse arrays that no row of the part refers to.

    Raises:
        ValidationError: There are some.
    """
    column = f"{namespace}__{REF}"
    used = set(table.column(column).to_pylist()) if column in table.column_names else set()
    for artifact in artifacts:
        if artifact.ref.path not in used:
            raise ValidationError(
                f"{what}: no row refers to {artifact.ref.path}, which was written for it",
                mend=f"put ref.path into column {column!r}; ref.columns({namespace!r}) gives all columns",
            )


def stored_refs(table: pa.Table) -> set[str]:
    """The paths that rows refer to."""
    return {path for column in ref_columns(table.schema) for path, _, _ in distinct_refs(table, column)}


def wanted_columns(footer: Footer) -> list[str]:
    """The columns of a file that tell of artifacts."""
    schema = footer.schema
    return [name for column in ref_columns(schema) for name in _told_beside(schema, column)]


def read_artifact_bytes(fs: FileSystem, store: Store, path: str) -> bytes | None:
    """The bytes of an artifact of the newest committed version, also while its commit is being applied."""
    for _ in range(2):
        with contextlib.suppress(FileNotFoundError):
            return _whole(fs, store, path)
        intent = read_intent_as_counted(fs, store.dir)
        staged = (
            {p.target: p.staged for p in intent.publishes} if intent is not None and intent.synced else {}
        )
        if path in staged:
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile: it has its final name
                return _whole(fs, store, staged[path])
    return None


def _whole(fs: FileSystem, store: Store, path: str) -> bytes:
    file = fs.open(store.path(path), "read")
    try:
        return file.read_at(0, file.stat().size)
    finally:
        file.close()
