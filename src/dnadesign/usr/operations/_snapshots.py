"""Copies of the base: taken on request or before a change that rewrites it, and the old automatic ones pruned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dnadesign.usr.contract.arguments import count_of
from dnadesign.usr.contract.events import Fingerprint
from dnadesign.usr.contract.layout import (
    AUTOMATIC_KEPT,
    RECORDS,
    SNAPSHOTS,
    is_automatic_snapshot,
    snapshot_file,
)
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.storage.filesystem import copy_range, opened
from dnadesign.usr.storage.intent import Publish, Remove
from dnadesign.usr.storage.journal import check_space
from dnadesign.usr.storage.staging import hash_range


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """A copy of the base: where it lies (relative to the dataset), its rows and bytes, and who asked for it."""

    path: str
    rows: int
    bytes: int
    automatic: bool

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {"path": self.path, "rows": self.rows, "bytes": self.bytes, "automatic": self.automatic}


@dataclass(frozen=True, slots=True)
class PruneResult:
    """Which automatic snapshots were deleted (paths relative to the dataset), and how many bytes they had."""

    removed: tuple[str, ...]
    bytes: int
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {"removed": list(self.removed), "bytes": self.bytes, "kept": self.kept}


def add_snapshot(mutation: Mutation, *, automatic: bool) -> SnapshotResult:
    """Have the base of before the change copied, byte for byte, as part of the commit."""
    store, footer, moment = mutation.store, mutation.footer, mutation.moment
    path = snapshot_file(moment, automatic=automatic)
    while store.fs.stat(store.path(path)) is not None:
        moment += timedelta(microseconds=1)  # two within a microsecond, or the clock was set back
        path = snapshot_file(moment, automatic=automatic)
    check_space(store.fs, store.dir, footer.size)
    with (
        opened(store.fs, store.path(RECORDS), "read") as source,
        mutation.staging.create() as (staged, target),
    ):
        copy_range(source, target, offset=0, count=footer.size)
        sha256 = hash_range(target, 0, footer.size)
    mutation.publishes.append(Publish(staged=staged, target=path, bytes=footer.size, sha256=sha256))
    mutation.note(
        Draft(
            action="snapshot",
            args={"automatic": automatic},
            metrics={"rows": footer.rows, "bytes": footer.size},
            added=[{"path": path, "bytes": footer.size, "sha256": sha256}],
            fingerprint=Fingerprint(footer.rows, len(footer.schema.names), footer.size),
        )
    )
    return SnapshotResult(path, footer.rows, footer.size, automatic)


def prune_snapshots(mutation: Mutation, *, keep: int, coming: int = 0) -> PruneResult:
    """Have the oldest automatic snapshots deleted, as part of the commit; those asked for are never touched.

    Args:
        mutation: The change.
        keep: How many automatic ones stay, the newest.
        coming: How many of these this very commit adds.

    Raises:
        ValidationError: ``keep`` is no such number.
    """
    count_of(keep, what="keep")
    store = mutation.store
    names = [name for name in store.fs.names(store.path(SNAPSHOTS)) if is_automatic_snapshot(name)]
    old = sorted(names)[: max(0, len(names) + coming - keep)]
    removed: list[dict[str, Any]] = []
    for name in old:
        path = f"{SNAPSHOTS}/{name}"
        found = store.fs.stat(store.path(path))
        removed.append({"path": path, "bytes": found.size if found is not None else 0})
        mutation.removes.append(Remove(path))
    result = PruneResult(
        tuple(r["path"] for r in removed), sum(r["bytes"] for r in removed), len(names) - len(old) + coming
    )
    if removed:
        mutation.note(
            Draft(
                action="snapshot_prune",
                args={"keep": keep},
                metrics={"files": len(removed), "bytes": result.bytes},
                removed=removed,
                fingerprint=Fingerprint(),
            )
        )
    return result


def snapshot_before(mutation: Mutation) -> SnapshotResult:
    """The automatic snapshot before a change that rewrites the base; only the newest few are kept."""
    result = add_snapshot(mutation, automatic=True)
    prune_snapshots(mutation, keep=AUTOMATIC_KEPT, coming=1)
    return result
