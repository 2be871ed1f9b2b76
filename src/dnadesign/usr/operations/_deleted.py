"""Which records are deleted: the tombstones, held against the rows of the base."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from dnadesign.usr.contract.mends import Mend, spelled
from dnadesign.usr.contract.names import TOMBSTONE_NAMESPACE
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._merge import merged_batches
from dnadesign.usr.operations._view import DELETED, Query, make_view
from dnadesign.usr.storage.key_index import Ordinals
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

BATCH_ROWS = 16_384

Flags = npt.NDArray[np.bool_]

_IGNORE = ("on_conflict='ignore'", "--on-conflict ignore")


def conflict_mend(*, deleted: bool) -> Mend:
    """What to do about rows that are in the dataset already, some of them deleted there."""
    if deleted:
        return spelled(
            "bring the deleted ones back with {}; leave out what is there, or skip it with {}",
            ("restore", "usr restore"),
            _IGNORE,
        )
    return spelled("leave them out, or skip them with {}", _IGNORE)


def deleted_rows(version: Version, registry: Registry) -> Flags:
    """Which base rows are tombstoned, shape (rows,).

    Raises:
        DuplicateKeyError: A key has several tombstones.
    """
    spaces = [TOMBSTONE_NAMESPACE] if TOMBSTONE_NAMESPACE in version.overlays else []
    view = make_view(version, registry, namespaces=spaces)
    if DELETED not in view.schema.names:
        return np.zeros(version.base.footer.rows, dtype=np.bool_)
    query = Query(columns=tuple(view.pick([DELETED])), include_deleted=True)
    flags = [
        pc.fill_null(batch.column(0), fill_value=False).to_numpy(zero_copy_only=False)
        for batch in merged_batches(view, query, batch_size=BATCH_ROWS)
    ]
    return np.concatenate([np.zeros(0, dtype=np.bool_), *flags])


def deleted_now(store: Store, registry: Registry) -> Flags:
    """Which rows of the committed base are tombstoned, shape (rows,); shape (0,) where nothing was ever deleted.

    Raises:
        DuplicateKeyError: A key has several tombstones.
    """
    with store.pin() as version:
        has = TOMBSTONE_NAMESPACE in version.overlays or DELETED in version.base.footer.schema.names
        return deleted_rows(version, registry) if has else np.zeros(0, dtype=np.bool_)


def deleted_among(places: Ordinals, deleted: Flags) -> Flags:
    """Which of some places in the base (-1 where a key is not in it) are those of tombstoned rows."""
    found = np.zeros(len(places), dtype=np.bool_)
    there = (places >= 0) & (places < len(deleted))
    found[there] = deleted[places[there]]
    return found
