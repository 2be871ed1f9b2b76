"""A streaming scan of one pinned version, which reading, exporting and searching share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from dnadesign.usr.contract.arguments import count_of
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._view import Query, View, make_view
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

BATCH_ROWS = 65_536
MOST_ROWS = 1 << 24  # of a batch


def open_view(
    store: Store, *, include_overlays: bool = True, namespaces: Sequence[str] | None = None
) -> tuple[Version, View, Registry]:
    """Pin a version and make its merged view; the caller closes the version.

    Raises:
        DatasetNotFound: There is no dataset.
        RegistryError: The root's registry cannot be read.
    """
    version = store.pin()
    try:
        registry = load_registry(store.root, fs=store.fs)
        return (
            version,
            make_view(version, registry, namespaces=namespaces if include_overlays else ()),
            registry,
        )
    except BaseException:
        version.close()
        raise


def scan(
    store: Store,
    columns: Sequence[str] | None = None,
    *,
    include_overlays: bool = True,
    namespaces: Sequence[str] | None = None,
    include_deleted: bool = False,
    batch_size: int = BATCH_ROWS,
    where: str | None = None,
    shard: tuple[int, int] | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
) -> pa.RecordBatchReader:
    """The merged rows of the newest committed version, streaming, in base order.

    See :meth:`dnadesign.usr.Dataset.scan` for the arguments.
    """
    count_of(batch_size, what="batch_size", least=1, most=MOST_ROWS)
    version, view, _ = open_view(store, include_overlays=include_overlays, namespaces=namespaces)
    try:
        query = Query(
            columns=tuple(view.pick(columns)),
            where=where,
            shard=shard,
            ids=tuple(ids) if ids is not None else None,
            limit=limit,
            include_deleted=include_deleted,
        )
        schema = pa.schema([(c.name, c.type) for c in query.columns])
        batches = _first_pulled(_owning(version, merged_batches(view, query, batch_size=batch_size)))
    except BaseException:
        version.close()
        raise
    return pa.RecordBatchReader.from_batches(schema, batches)


def _owning(version: Version, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, the version being let go of when they end or are dropped."""
    with version:
        yield from batches


def _first_pulled(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, the first one made now: a wrong condition fails here and not in the middle of reading."""
    first = next(batches, None)

    def rest() -> Iterator[pa.RecordBatch]:
        if first is not None:
            yield first
            yield from batches

    return rest()
