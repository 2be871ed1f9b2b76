"""The keys of a pinned overlay as ids, whatever they are stored as."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dnadesign.usr.operations._keys import ids_by
from dnadesign.usr.operations._overlay_rows import BATCH_ROWS, key_kind, stored_keys
from dnadesign.usr.operations._view import file_key
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests
from dnadesign.usr.storage.parquet import batches_of, read_columns, reading
from dnadesign.usr.storage.version import Version


def stored_digests(
    version: Version, namespace: str, columns: list[str]
) -> Iterator[tuple[Digests, pa.RecordBatch]]:
    """The keys of an overlay's rows as ids, with some columns of theirs."""
    overlay = version.overlays.get(namespace)
    for file in overlay.files if overlay is not None else ():
        key = file_key(file)
        ids_of = ids_by(
            key_kind(file), lambda names: read_columns(version.base.file, names), where=str(version.dataset)
        )
        with reading(file.file, footer=file.footer) as parquet:
            for batch in batches_of(parquet, BATCH_ROWS, [key, *columns]):
                ids = ids_of(stored_keys(batch.column(key), where=f"{file.path}, column {key!r}"))
                yield digests_of(ids, where=file.path), batch
