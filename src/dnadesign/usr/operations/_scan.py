"""A streaming scan of one pinned version, which reading, exporting and searching share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa

from dnadesign.usr.contract.arguments import count_of
from dnadesign.usr.contract.errors import CorruptFileError
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._view import Query, View, make_view, overlays_with
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

_log = logging.getLogger("dnadesign.usr")

BATCH_ROWS = 65_536
MOST_ROWS = 1 << 24  # of a batch


def open_view(
    store: Store,
    *,
    include_overlays: bool = True,
    namespaces: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> tuple[Version, View, Registry]:
    """Pin a version and make its merged view; the caller closes the version.

    Args:
        store: The dataset.
        include_overlays: Whether overlays are part of the view.
        namespaces: Only these overlays; all when None.
        columns: Where only these will be read: a damaged overlay that has none of them is then left out of the view.

    Raises:
        CorruptFileError: A file that is needed is damaged.
        DatasetNotFound: There is no dataset.
        RegistryError: The root's registry cannot be read.
    """
    version = store.pin()
    try:
        registry = load_registry(store.root, fs=store.fs)
        wanted = namespaces if include_overlays else ()
        try:
            view = make_view(version, registry, namespaces=wanted)
        except CorruptFileError as error:
            needed = overlays_with(version, columns)
            if wanted is not None or needed is None:
                raise
            view = make_view(version, registry, namespaces=needed)
            _log.warning("%s; it is left out, as no column that is asked for is in there", error.message)
        return version, view, registry
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
    version, view, _ = open_view(
        store,
        include_overlays=include_overlays,
        namespaces=namespaces,
        columns=columns if where is None else None,
    )
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
