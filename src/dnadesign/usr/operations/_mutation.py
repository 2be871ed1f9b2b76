"""One commit being put together: what every changing verb shares.

A verb is a :class:`Step`: it checks and stages what it can before the lock, and does under the lock what depends on
the state now. Steps of one transaction run against one :class:`Mutation`, which gathers rows, files and events and
commits them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Protocol

import pyarrow as pa

from dnadesign.usr.contract.actor import Actor, resolve_actor
from dnadesign.usr.contract.artifacts import artifact_lists
from dnadesign.usr.contract.events import Event, Fingerprint, check_new_batch_id, make_event
from dnadesign.usr.contract.layout import (
    META_FROZEN_HASH,
    META_REGISTRY_HASH,
    RECORDS,
    frozen_file,
    is_sha256,
)
from dnadesign.usr.contract.names import check_batch_id
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._batches import Repeatable, content_sha256, replay, replayed
from dnadesign.usr.operations._rows import with_callers_errors
from dnadesign.usr.storage.base_pieces import hash_pieces
from dnadesign.usr.storage.filesystem import opened
from dnadesign.usr.storage.intent import Intent, Move, Publish, Remove
from dnadesign.usr.storage.journal import check_space, commit, events_of, log_length, storage_error
from dnadesign.usr.storage.key_index import Digests, KeyIndex, Ordinals
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.parquet import Footer, read_footer, splice
from dnadesign.usr.storage.registry_file import load_registry, registry_hash_of
from dnadesign.usr.storage.staging import Staged, Staging, hash_range, open_staging
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import not_found

# Actions whose keys the steps put into the index.
_INDEXED = frozenset({"import_rows", "write_overlay_part", "compact_overlay"})


@dataclass
class Draft:
    """An event in the making; what the commit itself decides is filled in last.

    Attributes:
        action: What is done.
        args: What was asked for.
        metrics: What came of it; ``bytes`` of a base append is filled in after the splice.
        added: Files added: path, bytes, sha256.
        removed: Files removed or set aside.
        fingerprint: The file written; that of the new base when None.
        writes_base: Whether the new base is its doing.
    """

    action: str
    args: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    removed: list[dict[str, Any]] = field(default_factory=list)
    fingerprint: Fingerprint | None = None
    writes_base: bool = False


@dataclass(frozen=True, slots=True)
class RowStream:
    """New base rows that need not fit into memory: how many, their bytes in memory, and tables that are read once."""

    rows: int
    bytes: int
    tables: Iterable[pa.Table]


@dataclass(frozen=True, slots=True)
class NewBase:
    """A staged file that takes the base's place, with its number of rows and columns."""

    staged: Staged
    rows: int
    cols: int


class Step[Result](Repeatable[Result], Protocol):
    """One verb of a transaction: what a batch asks of it, and doing it."""

    def apply(self, mutation: Mutation) -> Result:
        """Check against the state now, and add rows, files and the event."""


@dataclass
class Mutation:
    """The state now, and what the steps add to it; the dataset's lock is held.

    ``held`` is what has to stay open until the commit, such as files that a stream of rows is read from.
    """

    store: Store
    staging: Staging
    registry: Registry
    registry_hash: str
    moment: datetime
    reason: str | None = None
    actor: Actor | None = None
    batch_id: str | None = None
    batch_sha256: str | None = None
    moves: list[Move] = field(default_factory=list)
    publishes: list[Publish] = field(default_factory=list)
    removes: list[Remove] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    new_rows: list[pa.Table] = field(default_factory=list)
    streams: list[RowStream] = field(default_factory=list)
    new_base: NewBase | None = None
    base_metadata: dict[bytes, bytes] = field(default_factory=dict)
    with_events: list[Callable[[bytes], None]] = field(default_factory=list)
    held: ExitStack = field(default_factory=ExitStack)
    index_touched: bool = False
    _index: KeyIndex | None = None
    _footer: Footer | None = None

    @property
    def index_used(self) -> bool:
        """Whether the keys were looked at."""
        return self._index is not None

    @property
    def index(self) -> KeyIndex:
        """The keys now, those of earlier steps included."""
        if self._index is None:
            self._index = self.store.keys().index
        return self._index

    def add_base_rows(self, table: pa.Table, digests: Digests) -> None:
        """Append rows to the base; table of ``CORE_SCHEMA``, digests of shape (rows, 20), all new."""
        self.index_touched = True
        self.index.base.add(digests)
        self.new_rows.append(_like_base(table, self.footer.schema))

    def add_base_stream(self, stream: RowStream, digests: Digests) -> None:
        """Append rows to the base that are read when it is written; digests of shape (stream.rows, 20), all new."""
        self.index_touched = True
        self.index.base.add(digests)
        schema = self.footer.schema
        tables = (_like_base(table, schema) for table in stream.tables)
        self.streams.append(replace(stream, tables=tables))

    def replace_base(self, new: NewBase) -> None:
        """Put a staged file in the base's place; it has :meth:`base_key_values` for metadata, and no row is added."""
        self.new_base = new

    def add_overlay_keys(self, namespace: str, ordinals: Ordinals, digests: Digests, *, path: str) -> None:
        """Note that a file of a namespace has rows for these keys now."""
        self.index_touched = True
        self.index.coverage(namespace).add(ordinals, digests, path=path)

    def rename_overlay_file(self, namespace: str, move: Move) -> None:
        """Have an overlay file moved to where it goes on to be one of its namespace."""
        self.moves.append(move)
        self.index_touched = True
        self.index.coverage(namespace).has_moved(move.source, move.target)

    @property
    def footer(self) -> Footer:
        """The footer of the base as it is."""
        if self._footer is None:
            with opened(self.store.fs, self.store.path(RECORDS), "read") as file:
                self._footer = read_footer(file)
        return self._footer

    def base_key_values(self) -> dict[bytes, bytes]:
        """The base's metadata after this commit; an older tool's matching snapshot becomes its frozen registry."""
        found = dict(self.footer.key_values)
        stamped = found.get(META_REGISTRY_HASH)
        if META_FROZEN_HASH not in found and stamped is not None:
            text = stamped.decode("ascii", "replace")
            if is_sha256(text) and self.store.fs.stat(self.store.path(frozen_file(text))) is not None:
                found[META_FROZEN_HASH] = stamped
        return found | {META_REGISTRY_HASH: self.registry_hash.encode()} | self.base_metadata

    def note(self, draft: Draft) -> None:
        """Add an event to the commit."""
        self.drafts.append(draft)

    def event_of(self, draft: Draft, base: Fingerprint | None = None) -> Event:
        """The event that a draft becomes; ``base`` is the size of the base that this commit writes."""
        return make_event(
            draft.action,
            dataset=self.store.reference,
            registry_hash=self.registry_hash,
            args=draft.args,
            metrics=draft.metrics,
            artifacts=artifact_lists(added=draft.added, removed=draft.removed),
            reason=self.reason,
            fingerprint=draft.fingerprint or base or _base_as_it_is(self),
            txid=self.staging.txid,
            batch_id=self.batch_id,
            batch_sha256=self.batch_sha256,
            actor=self.actor,
            now=self.moment,
        )


@with_callers_errors
def run[Result](
    store: Store,
    steps: Sequence[Step[Result]],
    *,
    actor: Actor | None = None,
    batch_id: str | None = None,
    reason: str | None = None,
    must_exist: bool = True,
) -> tuple[str, bool, list[Result]]:
    """Commit the steps together, or not at all.

    Args:
        store: The dataset.
        steps: What to do, in order.
        actor: Who does it.
        batch_id: A name under which the same input is committed once only.
        reason: Why, for maintenance.
        must_exist: Whether the dataset has to be there (not for init).

    Returns:
        The txid, whether the batch had been committed before, and each step's result.

    Raises:
        BatchConflict: The batch_id is committed with other content.
        StorageError: The disk refused; nothing was changed.
    """
    if batch_id is not None:
        check_batch_id(batch_id)
    who = resolve_actor(actor)
    if must_exist and not store.exists():
        raise lost_log(store.fs, store.dir) or not_found(store.dir)
    try:
        if batch_id is not None:
            known = store.batches().get(batch_id)
            if known is not None:
                return replay(store, known, steps)
            check_new_batch_id(batch_id)
        registry = load_registry(store.root, fs=store.fs)
        store.check_locks()
        store.keep_registry(registry_hash_of(registry))
        with open_staging(store.fs, store.dir) as staging:
            for step in steps:
                step.prepare(registry, staging)
            batch_sha256 = content_sha256(steps) if batch_id is not None else None
            with store.locked(tool=who.tool):
                if must_exist:
                    store.check_writable()
                known = store.batches().get(batch_id) if batch_id is not None else None  # committed meanwhile
                if known is not None:
                    return replayed(known, steps, batch_sha256)
                mutation = Mutation(
                    store=store,
                    staging=staging,
                    registry=registry,
                    registry_hash=registry_hash_of(registry),
                    moment=datetime.now(UTC),
                    reason=reason,
                    actor=who,
                    batch_id=batch_id,
                    batch_sha256=batch_sha256,
                )
                with _index_kept_true(mutation), mutation.held:
                    results = [step.apply(mutation) for step in steps]
                    if mutation.drafts:
                        finish(mutation)
                return staging.txid, False, results
    except OSError as error:
        raise storage_error(error, store.dir) from error


def finish(mutation: Mutation) -> list[Event]:
    """Write the new base if rows or metadata are new, make the events, and commit."""
    store, staging = mutation.store, mutation.staging
    base = _write_base(mutation)
    events = [mutation.event_of(draft, base) for draft in mutation.drafts]
    event_bytes = events_of(event.to_json_line() for event in events)
    for follow in mutation.with_events:
        follow(event_bytes)
    intent = Intent(
        txid=staging.txid,
        log_offset=log_length(store.fs, store.dir),
        event_bytes=event_bytes,
        moves=tuple(mutation.moves),
        publishes=tuple(mutation.publishes),
        removes=tuple(mutation.removes),
    )
    commit(store.fs, store.dir, staging, intent)
    store.remember_log(event_bytes)
    return events


def _write_base(mutation: Mutation) -> Fingerprint | None:
    """Write the base anew where the commit changes it; its size then."""
    if mutation.new_base is not None:
        return _publish_new_base(mutation, mutation.new_base)
    if mutation.new_rows or mutation.streams or mutation.base_metadata:
        return _splice_base(mutation)
    return None


def _base_as_it_is(mutation: Mutation) -> Fingerprint:
    footer = mutation.footer
    return Fingerprint(rows=footer.rows, cols=len(footer.schema.names), size_bytes=footer.size)


def _publish_new_base(mutation: Mutation, new: NewBase) -> Fingerprint:
    staged = new.staged
    mutation.publishes.append(staged.publish(RECORDS))
    artifact = whole_base(mutation.store, staged) | {"rows": new.rows}
    for draft in mutation.drafts:
        if draft.writes_base:
            draft.added.insert(0, artifact)
            draft.metrics.setdefault("bytes", staged.bytes)
    return Fingerprint(rows=new.rows, cols=new.cols, size_bytes=staged.bytes)


def whole_base(store: Store, staged: Staged) -> dict[str, Any]:
    """A base written as a whole, for its event: its hash, and those of what later changes may keep of it."""
    with opened(store.fs, store.path(staged.path), "read") as file:
        footer = read_footer(file)
        return {
            "path": RECORDS,
            "bytes": staged.bytes,
            "sha256": staged.sha256,
            "pieces": [p.to_dict() for p in hash_pieces(file, start=0, ends=footer.group_ends(after=0))],
            "footer_bytes": footer.size - footer.data_end,
            "footer_sha256": hash_range(file, footer.data_end, footer.size),
        }


def _splice_base(mutation: Mutation) -> Fingerprint:
    store = mutation.store
    path = store.path(RECORDS)
    streams = [RowStream(t.num_rows, t.nbytes, [t]) for t in mutation.new_rows] + mutation.streams
    check_space(store.fs, store.dir, mutation.footer.size + sum(stream.bytes for stream in streams))
    with opened(store.fs, path, "read") as old, mutation.staging.create(like=path) as (staged, target):
        spliced = splice(
            old,
            target,
            chain.from_iterable(stream.tables for stream in streams),
            mutation.base_key_values(),
            incoming=sum(stream.rows for stream in streams),
        )
    mutation.publishes.append(Publish(staged=staged, target=RECORDS, bytes=spliced.bytes, sha256=None))
    artifact: dict[str, Any] = {
        "path": RECORDS,
        "bytes": spliced.bytes,
        "rows": spliced.rows,
        "prefix_bytes": spliced.prefix_bytes,
        "appended_sha256": spliced.appended_sha256,
        "footer_bytes": spliced.footer_bytes,
        "footer_sha256": spliced.footer_sha256,
    }
    if len(spliced.pieces) > 1:
        artifact["pieces"] = [piece.to_dict() for piece in spliced.pieces]
    for draft in mutation.drafts:
        if draft.writes_base:
            draft.added.insert(0, artifact)
            draft.metrics.setdefault("bytes", spliced.bytes - mutation.footer.size)
    return Fingerprint(rows=spliced.rows, cols=len(mutation.footer.schema.names), size_bytes=spliced.bytes)


@contextmanager
def _index_kept_true(mutation: Mutation) -> Iterator[None]:
    """Forget the key index when what was added to it did not come to be."""
    try:
        yield
    except BaseException:
        if mutation.index_touched:
            mutation.store.forget_keys()
        raise
    if mutation.index_used:
        if mutation.index_touched and all(draft.action in _INDEXED for draft in mutation.drafts):
            wrote_base = any(publish.target == RECORDS for publish in mutation.publishes)
            mutation.store.keys_are_current(wrote_base=wrote_base)
        mutation.store.save_keys()


def _like_base(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Core rows in the columns and types of the stored base; a materialized base has derived columns, null here."""
    columns = [
        table.column(f.name).cast(f.type)
        if f.name in table.column_names
        else pa.nulls(table.num_rows, f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
