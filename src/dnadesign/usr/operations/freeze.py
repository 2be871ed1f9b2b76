"""Freeze the registry: keep a snapshot of it in the dataset, and stamp its hash into the base."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from dnadesign.usr.contract.content import Digest
from dnadesign.usr.contract.errors import RegistryError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.layout import META_FROZEN_HASH, frozen_file
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.storage.registry_file import load_snapshot, registry_bytes
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """What freezing did.

    Attributes:
        registry_hash: Hash of the registry that is frozen now.
        previous_hash: The one frozen before, or None.
        changed: False where that very registry was frozen already.
        path: The snapshot, relative to the dataset.
    """

    registry_hash: str
    previous_hash: str | None
    changed: bool
    path: str

    def to_dict(self) -> dict[str, str | bool | None]:
        """The result for machine-readable output."""
        return {
            "registry_hash": self.registry_hash,
            "previous_hash": self.previous_hash,
            "changed": self.changed,
            "path": self.path,
        }


@dataclass
class Freeze:
    """The step that freezes the registry in force."""

    data: bytes = field(init=False)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Bring the registry into its normal form."""
        self.data = registry_bytes(registry)

    def content(self, digest: Digest) -> None:
        """Feed the registry."""
        digest.update(self.data)

    def apply(self, mutation: Mutation) -> FreezeResult:
        """Stage the snapshot and have the base restamped; a damaged snapshot of that name is replaced."""
        store, frozen = mutation.store, hashlib.sha256(self.data).hexdigest()
        path = frozen_file(frozen)
        before = mutation.footer.key_values.get(META_FROZEN_HASH)
        there = _is_whole(store, frozen)
        previous = before.decode("ascii", "replace") if before is not None else None
        result = FreezeResult(frozen, previous, not (there and previous == frozen), path)
        if not result.changed:
            return result
        added = []
        if not there:
            staged = mutation.staging.write(self.data)
            mutation.publishes.append(staged.publish(path))
            added.append({"path": path, "bytes": staged.bytes, "sha256": staged.sha256})
        mutation.base_metadata[META_FROZEN_HASH] = frozen.encode()
        mutation.note(
            Draft(
                action="registry_freeze",
                args={"registry_hash": frozen, "previous_hash": previous},
                metrics={"rows": 0, "bytes": len(self.data)},
                added=added,
                writes_base=True,
            )
        )
        return result

    def replay(self, event: Event) -> FreezeResult:
        """The result of the same freeze, committed before."""
        frozen = str(event.args.get("registry_hash"))
        return FreezeResult(frozen, None, changed=False, path=frozen_file(frozen))


def _is_whole(store: Store, registry_hash: str) -> bool:
    """Whether the snapshot of that hash is there as it was written."""
    try:
        load_snapshot(store.dir, registry_hash, fs=store.fs)
    except RegistryError:
        return False
    return True
