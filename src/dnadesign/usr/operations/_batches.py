"""Batches that are committed already: the same input again, in the normal form that it had then, gets the same answer."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from dnadesign.usr.contract.content import Digest
from dnadesign.usr.contract.errors import BatchConflict, SequencesError, ValidationError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import DERIVED_ARCHIVE, is_sha256, overlay_of
from dnadesign.usr.contract.registry import USR_STATE, Namespace, Registry, RegistryColumn
from dnadesign.usr.contract.types import arrow_type_str
from dnadesign.usr.storage.batch_index import BatchRecord
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.parquet import Footer, read_footer
from dnadesign.usr.storage.parquet_footer import ARROW_SCHEMA
from dnadesign.usr.storage.registry_file import load_registry, load_snapshot, registry_hash_of
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store

_MEND = "give new content a new batch_id; Dataset.batch() tells what is committed under this one"


class Repeatable[Result](Protocol):
    """What a batch asks of its steps."""

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check what can be checked without the dataset, and stage what can be staged; nothing where ``staging`` is None.

        It is called once.
        """

    def content(self, digest: Digest) -> None:
        """Feed the normalised input to a batch's hash."""

    def replay(self, event: Event) -> Result:
        """The result that the committed event of the same input stands for."""


def content_sha256(steps: Sequence[Repeatable[Any]]) -> str:
    """The hash of what the steps were given; they are prepared."""
    digest = hashlib.sha256()
    for step in steps:
        digest.update(type(step).__name__.encode() + b"\0")
        step.content(digest)
    return digest.hexdigest()


def replayed[Result](
    known: BatchRecord, steps: Sequence[Repeatable[Result]], batch_sha256: str | None, *, but: str = ""
) -> tuple[str, bool, list[Result]]:
    """The answer that the committed batch stands for.

    Args:
        known: The batch.
        steps: Its changes as they are asked for now.
        batch_sha256: The hash of their input.
        but: What else could explain another hash.

    Raises:
        BatchConflict: It was committed with other content.
    """
    if known.batch_sha256 != batch_sha256 or len(known.events) != len(steps):
        raise _conflict(known, but)
    results = [step.replay(event) for step, event in zip(steps, known.events, strict=True)]
    return known.txid or "", True, results


def replay[Result](
    store: Store, known: BatchRecord, steps: Sequence[Repeatable[Result]]
) -> tuple[str, bool, list[Result]]:
    """The answer to changes under a batch_id that is committed, before anything about them is checked.

    The input is brought into the normal form that it had when the batch was committed: the registry may be another by now.

    Raises:
        BatchConflict: The batch was committed with other content.
    """
    if len(known.events) != len(steps):
        raise _conflict(known)
    registry, but = _registry_then(store, known)
    try:
        for step in steps:
            step.prepare(registry, None)
    except ValidationError as error:
        raise _conflict(known, f"; what is given now cannot be that: {error.message}{but}") from error
    return replayed(known, steps, content_sha256(steps), but=but)


def _conflict(known: BatchRecord, but: str = "") -> BatchConflict:
    return BatchConflict(
        f"batch {known.batch_id!r} was committed at {known.timestamp_utc} with other content "
        f"({', '.join(known.actions)}){but}",
        mend=_MEND,
    )


def _registry_then(store: Store, known: BatchRecord) -> tuple[Registry, str]:
    """The registry that the batch was committed under, as far as it is known, and what to say if it is not."""
    committed = known.events[0].registry_hash
    now = _readable(lambda: load_registry(store.root, fs=store.fs))
    if now is not None and registry_hash_of(now) == committed:
        return now, ""
    if committed is not None and is_sha256(committed):
        frozen = _readable(lambda: load_snapshot(store.dir, committed, fs=store.fs))
        if frozen is not None:
            return frozen, ""
    then, lost = now or Registry((USR_STATE,)), []
    for event in known.events:
        name = event.metrics.get("namespace")
        if not isinstance(name, str):
            continue
        namespace = _namespace_then(store, event, name)
        if namespace is None:
            lost.append(name)
        else:
            then = then.with_namespace(namespace)
    return then, (
        f". The registry has changed since, and nothing tells what namespace {', '.join(map(repr, lost))} was then"
        if lost
        else ""
    )


def _readable(read: Any) -> Registry | None:
    try:
        found: Registry = read()
    except SequencesError:  # what is wrong with it is told where it is needed
        return None
    return found


def _namespace_then(store: Store, event: Event, name: str) -> Namespace | None:
    """The columns of a namespace that a part was written in, as its file has them; None where that is lost."""
    added = event.artifacts.get("added")
    paths = [
        str(file["path"])
        for file in (added if isinstance(added, list) else [])
        if isinstance(file, dict) and "moved_from" not in file and overlay_of(str(file.get("path"))) == name
    ]
    found = (_stored_as(store, place, name) for path in paths for place in _places(store, path, name))
    return next((namespace for namespace in found if namespace is not None), None)


def _stored_as(store: Store, path: str, name: str) -> Namespace | None:
    try:
        with opened(store.fs, store.path(path), "read") as file:
            schema = _written_schema(read_footer(file))
        columns = [RegistryColumn(f.name, arrow_type_str(f.type)) for f in schema if f.name != "id"]
        return Namespace(name=name, columns=tuple(columns))
    except (FileNotFoundError, NotADirectoryError, SequencesError):
        return None


def _places(store: Store, path: str, namespace: str) -> Iterator[str]:
    """Where a part may lie: where it was written, or set aside by compaction or removal."""
    yield path
    archive, name = f"{DERIVED_ARCHIVE}/{namespace}", path.rsplit("/", 1)[-1]
    for entry in store.fs.list(store.path(archive)):
        yield f"{archive}/{entry.name}/{name}"


def _written_schema(footer: Footer) -> pa.Schema:
    """The types that were written, which Parquet alone cannot tell: it knows no seconds."""
    kept = footer.parsed().metadata.get(ARROW_SCHEMA)
    if kept is None:
        return footer.schema
    found: pa.Schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept)))
    return found
