"""What every verb that writes an overlay shares: the contract, the metadata, and where the files lie now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from dnadesign.usr.contract.artifacts import MAX_LISTED, fold_files
from dnadesign.usr.contract.errors import NamespaceError, NamespaceNotFound, SchemaError, ValidationError
from dnadesign.usr.contract.event_fields import DAMAGED_LOG
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import (
    META_CONTRACT_HASH,
    META_KEY,
    META_NAMESPACE,
    META_OVERLAY_CREATED_AT,
    META_REGISTRY_HASH,
    META_TXID,
    archive_dir,
    isoformat,
    overlay_dir,
    overlay_file,
)
from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.names import STATE_NAMESPACE, TOMBSTONE_NAMESPACE, check_namespace
from dnadesign.usr.contract.records import CORE_COLUMNS
from dnadesign.usr.contract.registry import Namespace, Registry
from dnadesign.usr.contract.types import arrow_type_str, parse_type_str, same_stored_type
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._mutation import Mutation
from dnadesign.usr.operations._rows import check_columns
from dnadesign.usr.operations._view import TOMBSTONE_TYPES
from dnadesign.usr.storage.files_in_turn import FilesInTurn
from dnadesign.usr.storage.intent import Move
from dnadesign.usr.storage.parquet import read_footer, write_stream
from dnadesign.usr.storage.parquet_footer import corrupt
from dnadesign.usr.storage.registry_file import contract_form_hash, contract_hash_of
from dnadesign.usr.storage.staging import Staged, hash_range
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import (
    Overlay,
    PinnedFile,
    namespace_not_found,
    stored_overlays,
)


@dataclass(frozen=True, slots=True)
class OverlayContract:
    """What a namespace's files store: its columns with their types in registry order, and the hash of that."""

    namespace: str
    types: dict[str, pa.DataType]
    sha256: str

    def schema(self, columns: list[str]) -> pa.Schema:
        """The schema of a file with the key and some of the columns."""
        fields = [pa.field(name, self.types[name]) for name in columns]
        return pa.schema([pa.field("id", pa.string(), nullable=False), *fields])

    def ordered(self, columns: set[str]) -> list[str]:
        """Some of the columns in registry order."""
        return [name for name in self.types if name in columns]


def overlay_contract(registry: Registry, namespace: str) -> OverlayContract:
    """The contract of a namespace, the built-in tombstones included.

    Raises:
        NamespaceError: The name is outside the grammar, or not registered.
    """
    check_namespace(namespace, allow_builtin=True)
    if namespace == TOMBSTONE_NAMESPACE:
        columns = [{"name": n, "type": arrow_type_str(t)} for n, t in TOMBSTONE_TYPES.items()]
        form: dict[str, object] = {"namespace": namespace, "columns": columns}
        return OverlayContract(namespace, dict(TOMBSTONE_TYPES), contract_form_hash(form))
    return _contract_of(registry.namespace(namespace))


@lru_cache(maxsize=256)  # every part of a campaign asks for the same one
def _contract_of(namespace: Namespace) -> OverlayContract:
    types = {name: parse_type_str(kind) for name, kind in namespace.types.items()}
    return OverlayContract(namespace.name, types, contract_hash_of(namespace))


def user_contract(registry: Registry, namespace: str) -> OverlayContract:
    """The contract of a namespace that callers may write rows into.

    Raises:
        NamespaceError: The namespace is kept by usr itself, or not registered.
    """
    check_namespace(namespace)
    if namespace == STATE_NAMESPACE:
        raise NamespaceError(
            f"{STATE_NAMESPACE!r} is kept by usr itself",
            mend=spelled("set record state with {}", ("set_state", "usr state set")),
        )
    return overlay_contract(registry, namespace)


def check_registered(columns: list[str], contract: OverlayContract, *, what: str) -> None:
    """Refuse columns that the namespace does not have, and data without any of its columns.

    Raises:
        SchemaError: There is such a column, or no column at all.
    """
    known = list(contract.types)
    for name in columns:
        own = f"{contract.namespace}__{name}"
        if name not in contract.types and own in contract.types:
            raise SchemaError(
                f"{what}: column {name!r} is not known; known are {', '.join(known)}",
                mend=Mend(
                    f"name it {own!r}, or attach it with columns={{{name!r}: {own!r}}}",
                    f"name it {own!r}, or attach it with --columns {name}={own}",
                ),
            )
        if name in CORE_COLUMNS:
            raise SchemaError(
                f"{what}: column {name!r} is one of the base, not of namespace {contract.namespace!r}",
                mend=Mend("leave it out", "leave it out: --columns A,B names the columns to take"),
            )
    check_columns(
        columns,
        known,
        what=what,
        mend=f"register it first (usr namespace register {contract.namespace} ... --overwrite), or leave it out",
    )
    if not columns:
        raise SchemaError(
            f"{what}: has a key and no column of the namespace", mend=f"known are {', '.join(known)}"
        )


def overlay_metadata(
    contract: OverlayContract, registry_hash: str, *, txid: str | None = None
) -> dict[bytes, bytes]:
    """The metadata of a new overlay file, or of a part where a txid is given."""
    found = {
        META_NAMESPACE: contract.namespace.encode(),
        META_KEY: b"id",
        META_OVERLAY_CREATED_AT: isoformat(datetime.now(UTC)).encode(),
        META_REGISTRY_HASH: registry_hash.encode(),
        META_CONTRACT_HASH: contract.sha256.encode(),
    }
    return found | ({META_TXID: txid.encode()} if txid is not None else {})


@contextmanager
def stored_overlay(store: Store, namespace: str) -> Iterator[Overlay]:
    """The files of a namespace as they are now, to read; none if it has none. The dataset's lock is held.

    Many parts are open in turn: compaction is the way out where there are more than can be open at once.

    Raises:
        OverlayLayoutError: The namespace is both a file and parts.
    """
    paths = stored_overlays(store.fs, store.dir, None).get(namespace, [])
    with FilesInTurn(store.fs) as files_in_turn:
        files = [PinnedFile(path, files_in_turn.file(store.path(path))) for path in paths]
        overlay = Overlay(namespace, tuple(files))
        if files:
            overlay.check_layout(store.dir)
        yield overlay


def no_overlay(mutation: Mutation, namespace: str) -> NamespaceNotFound:
    """The error for a namespace that a dataset has no rows of, or only values of in a materialized base."""
    store = mutation.store
    if any(name.startswith(f"{namespace}__") for name in mutation.footer.schema.names):
        return NamespaceNotFound(
            f"{store.dir}: has no overlay {namespace!r}: its values were materialized, and stand in the base alone",
            mend="leave them where they are; new rows take their place: attach, write_overlay or write_overlay_part",
        )
    return namespace_not_found(store.dir, namespace, stored_overlays(store.fs, store.dir, None))


@dataclass(frozen=True, slots=True)
class Archived:
    """Files that a commit sets aside: where, and the event's lists of them, ``moved_from`` leading from one to the other."""

    path: str
    removed: list[dict[str, Any]]
    added: list[dict[str, Any]]


def set_aside(mutation: Mutation, overlay: Overlay, *, known: Mapping[str, str] | None = None) -> Archived:
    """Have the files of an overlay moved into a folder of the archive.

    The folder is not there yet: its existence proves the move. Many files are listed as one folder, so that the new
    file beside them in the event keeps a line of its own.

    Args:
        mutation: The change.
        overlay: What is set aside.
        known: The hashes of files that were read whole, by path; the others are read where they are listed one by one.
    """
    store, namespace, moment = mutation.store, overlay.namespace, mutation.moment
    while store.fs.stat(store.path(archive_dir(namespace, moment=moment))) is not None:
        moment += timedelta(microseconds=1)  # the clock was set back
    archive = archive_dir(namespace, moment=moment)
    if overlay.layout == "file":
        mutation.moves.append(Move(overlay_file(namespace), f"{archive}/{namespace}.parquet"))
    else:
        mutation.moves.append(Move(overlay_dir(namespace), archive))
    removed: list[dict[str, Any]] = []
    added: list[dict[str, Any]] = []
    for file in overlay.files:
        entry: dict[str, Any] = {"path": file.path, "bytes": file.size}
        if len(overlay.files) < MAX_LISTED:
            entry["sha256"] = (known or {}).get(file.path) or hash_range(file.file, 0, file.size)
        removed.append(entry)
        moved = {"path": f"{archive}/{file.path.rsplit('/', 1)[-1]}", "moved_from": file.path}
        added.append(entry | moved)
    return Archived(archive, removed, folded(added))


def folded(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files for an event that lists others too: as they are, or one entry for all where they are many."""
    fold = fold_files(files, most=MAX_LISTED - 1)
    return [fold] if isinstance(fold, dict) else files


def stage_rows(
    mutation: Mutation,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    metadata: dict[bytes, bytes],
    *,
    like: str,
    rows: int | None = None,
) -> Staged:
    """Stream rows into a staged file.

    Args:
        mutation: The change.
        schema: Of the tables and the file.
        tables: The rows.
        metadata: The file's.
        like: The file whose mode and group it takes.
        rows: How many there must be; as many as there are when None.

    Raises:
        CorruptFileError: What was written does not read back with as many rows.
    """
    with mutation.staging.create(like=mutation.store.path(like)) as (path, target):
        written = write_stream(target, schema, tables, metadata)
        footer = read_footer(target)
        expected = written if rows is None else rows
        if footer.rows != expected or not _reads_back_as(footer.schema, schema):
            raise corrupt(
                target.path, f"{counted(footer.rows, 'row')} of {schema.names} read back, not {expected}"
            )
        return Staged(path, footer.size, hash_range(target, 0, footer.size))


def _reads_back_as(stored: pa.Schema, schema: pa.Schema) -> bool:
    """Whether a file has these columns; Parquet knows no seconds and gives back milliseconds."""
    return stored.names == schema.names and all(
        same_stored_type(there, wanted, arrow_schema=True)
        for there, wanted in zip(stored.types, schema.types, strict=True)
    )


def unpacked_bytes(overlay: Overlay) -> int:
    """About how much memory the rows of an overlay would take."""
    return sum(sum(file.footer.group_bytes) for file in overlay.files)


def event_count(event: Event, name: str) -> int:
    """A count that an event of the same change gives.

    Raises:
        ValidationError: It does not give it.
    """
    found = event.metrics.get(name)
    if not isinstance(found, int):
        raise ValidationError(f"event {event.event_id}: does not say {name!r}", mend=DAMAGED_LOG)
    return found
