"""Copy the base on request, and prune the copies that the library took by itself."""

from __future__ import annotations

from dataclasses import dataclass

from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._mutation import Mutation
from dnadesign.usr.operations._overlay import event_count
from dnadesign.usr.operations._snapshots import PruneResult, SnapshotResult, add_snapshot, prune_snapshots
from dnadesign.usr.storage.staging import Staging


@dataclass
class Snapshot:
    """The step that copies the base; ``automatic`` copies may be pruned, others never are."""

    automatic: bool = False

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Nothing can be done before the lock."""

    def content(self, digest: Digest) -> None:
        """Feed the option."""
        digest_text(digest, str(self.automatic))

    def apply(self, mutation: Mutation) -> SnapshotResult:
        """Copy the base as it is now."""
        return add_snapshot(mutation, automatic=self.automatic)

    def replay(self, event: Event) -> SnapshotResult:
        """The copy made by the same step before."""
        added = event.artifacts.get("added")
        path = str(added[0].get("path")) if isinstance(added, list) and isinstance(added[0], dict) else ""
        return SnapshotResult(path, event_count(event, "rows"), event_count(event, "bytes"), self.automatic)


@dataclass
class PruneSnapshots:
    """The step that deletes the oldest automatic snapshots; ``keep`` of them stay."""

    keep: int

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Nothing can be done before the lock."""

    def content(self, digest: Digest) -> None:
        """Feed the option."""
        digest_text(digest, str(self.keep))

    def apply(self, mutation: Mutation) -> PruneResult:
        """Have them deleted.

        Raises:
            ValidationError: ``keep`` is not a number of snapshots.
        """
        return prune_snapshots(mutation, keep=self.keep)

    def replay(self, event: Event) -> PruneResult:
        """What the same step deleted before."""
        return PruneResult((), event_count(event, "bytes"), self.keep)
