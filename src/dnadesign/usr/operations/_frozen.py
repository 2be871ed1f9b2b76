"""Which registry a dataset is frozen to."""

from __future__ import annotations

from collections.abc import Mapping

from dnadesign.usr.contract.layout import META_FROZEN_HASH, META_REGISTRY_HASH, frozen_file, is_sha256
from dnadesign.usr.storage.store import Store


def frozen_hash(store: Store, base: Mapping[bytes, bytes]) -> str | None:
    """The hash of the dataset's frozen registry, or None.

    Datasets of older tools have only ``usr:registry_hash``; a snapshot of that hash beside it is the frozen one.

    Args:
        store: The dataset.
        base: The metadata of its base.
    """
    if META_FROZEN_HASH in base:
        return base[META_FROZEN_HASH].decode("utf-8", "replace")
    stamped = base.get(META_REGISTRY_HASH, b"").decode("utf-8", "replace")
    there = is_sha256(stamped) and store.fs.stat(store.path(frozen_file(stamped))) is not None
    return stamped if there else None
