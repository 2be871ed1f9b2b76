"""Whether every file of a version matches the registry that the mode asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from dnadesign.usr.contract.errors import RegistryError, SchemaError
from dnadesign.usr.contract.layout import (
    META_REGISTRY_HASH,
    RECORDS,
    frozen_file,
    frozen_hash_in,
    is_sha256,
    overlay_of,
)
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.records import CORE_COLUMNS
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.registry_match import ColumnMismatch, match_columns
from dnadesign.usr.contract.restoring import anew_mend
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._frozen import frozen_hash
from dnadesign.usr.operations._report import Report
from dnadesign.usr.operations._view import file_key
from dnadesign.usr.storage.registry_file import (
    load_registry,
    load_snapshot,
    registry_hash_of,
)
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import PinnedFile, Version

RegistryMode = Literal["current", "frozen", "either"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A registry that files may match; files of one schema are compared with it once."""

    name: str
    registry: Registry
    hash: str
    seen: dict[tuple[bool, tuple[tuple[str, str], ...]], list[ColumnMismatch]] = field(default_factory=dict)

    def mismatches(self, file: PinnedFile, stored: dict[str, pa.DataType | str]) -> list[ColumnMismatch]:
        """The stored columns that the registry does not have, or has with another type."""
        arrow_schema = file.footer.has_arrow_schema
        key = (arrow_schema, tuple((name, str(kind)) for name, kind in stored.items()))
        if key not in self.seen:
            self.seen[key] = match_columns(stored, self.registry, arrow_schema=arrow_schema)
        return self.seen[key]


def check_registry(store: Store, version: Version, mode: RegistryMode, report: Report) -> None:
    """Check all files against the registry, or registries, of the mode; and all snapshots against their names."""
    _check_snapshots(store, report)
    candidates = _candidates(store, version, mode, report)
    matches: dict[tuple[str, bool, str], int] = {}
    for file in version.files():
        stamped = file.footer.key_values.get(META_REGISTRY_HASH, b"").decode("utf-8", "replace")
        if not is_sha256(stamped):
            report.failed(
                "registry.hash",
                file.path,
                f"usr:registry_hash is {stamped!r}" if stamped else "usr:registry_hash is missing",
                "the file was not written by usr; write it again with attach or write_overlay_part",
            )
        elif candidates:
            found = _match(file, stamped, candidates, report)
            if found is not None:
                matches[found] = matches.get(found, 0) + 1
    for (where, older, message), files in matches.items():
        place = where if files == 1 else f"{where} ({counted(files, 'file')})"
        (report.note if older else report.passed)("registry.match", place, message)


def _check_snapshots(store: Store, report: Report) -> None:
    for name in store.fs.names(store.path("_registry")):
        found = frozen_hash_in(name)
        if found is None:
            continue
        try:
            load_snapshot(store.dir, found, fs=store.fs)
            report.passed("registry.snapshot", f"_registry/{name}")
        except RegistryError as error:
            report.error("registry.snapshot", f"_registry/{name}", error)


def _candidates(store: Store, version: Version, mode: RegistryMode, report: Report) -> list[_Candidate]:
    frozen = frozen_hash(store, version.base.footer.key_values)
    found: list[_Candidate] = []
    if mode == "frozen" and frozen is None:
        report.failed(
            "registry.frozen",
            "records.parquet",
            "no registry is frozen in this dataset",
            "freeze it: usr maintenance registry-freeze --reason TEXT, or validate against the current registry",
        )
        return []
    if mode in ("frozen", "either") and frozen is not None:
        try:
            found.append(_Candidate("frozen", load_snapshot(store.dir, frozen, fs=store.fs), frozen))
        except RegistryError as error:
            where = frozen_file(frozen) if is_sha256(frozen) else RECORDS  # what stamps something else
            report.error("registry.frozen", where, error)
    if mode in ("current", "either"):
        try:
            current = load_registry(store.root, fs=store.fs)
            found.append(_Candidate("current", current, registry_hash_of(current)))
        except RegistryError as error:
            report.error("registry.current", "registry.yaml", error)
    return found


def _match(
    file: PinnedFile, stamped: str, candidates: list[_Candidate], report: Report
) -> tuple[str, bool, str] | None:
    """Where a file lies, whether it is of an older contract, and what it matches; None if nothing."""
    try:
        stored = derived_columns(file)
    except SchemaError as error:  # a file without its key column
        report.error("registry.match", file.path, error)
        return None
    failures: list[tuple[_Candidate, list[ColumnMismatch]]] = []
    for candidate in candidates:
        mismatches = candidate.mismatches(file, stored)
        if not mismatches:
            older = stamped != candidate.hash and bool(stored)
            how = f"written under {stamped[:12]}, an older compatible one" if older else "written under it"
            if not stored and stamped != candidate.hash:
                how = "has no derived columns"
            message = f"matches the {candidate.name} registry {candidate.hash[:12]}, {how}"
            part = file.path.count("/") > 1  # parts are told together, by their folder
            return file.path.rsplit("/", 1)[0] if part else file.path, older, message
        failures.append((candidate, mismatches))
    for candidate, mismatches in failures:
        report.failed(
            "registry.match",
            file.path,
            f"does not match the {candidate.name} registry: {'; '.join(map(str, mismatches))} (written under "
            f"{stamped}, {candidate.name} is {candidate.hash})",
            _mend(mismatches, file),
        )
    return None


def _mend(mismatches: list[ColumnMismatch], file: PinnedFile) -> str:
    """What to do about columns that a file stores otherwise than they are registered."""
    namespace = overlay_of(file.path) or mismatches[0].column.partition("__")[0]
    template = (
        "register these columns as they are stored (usr namespace register {} --columns SPEC --overwrite)"
    )
    as_stored = template.format(namespace)
    if file.path == RECORDS:
        return as_stored
    return anew_mend(namespace, f"{as_stored}, or remove the overlay and write it anew: {{}}")


def derived_columns(file: PinnedFile) -> dict[str, pa.DataType | str]:
    """The derived columns that a file stores, with their types; the built-in ``usr`` ones are left out."""
    schema = file.footer.schema
    skipped = set(CORE_COLUMNS) if file.path == "records.parquet" else {file_key(file)}
    return {
        f.name: f.type
        for f in schema
        if f.name not in skipped and not f.name.startswith(f"{TOMBSTONE_NAMESPACE}__")
    }
