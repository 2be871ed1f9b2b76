"""Remove records that are there more than once, and their overlay rows with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import SchemaError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.identity import WHITE_SPACE, compute_id
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.operations._base_rows import Flags, Removal, base_batches
from dnadesign.usr.operations._deleted import deleted_rows
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import event_count
from dnadesign.usr.operations._snapshots import snapshot_before
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Digests
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store
from dnadesign.usr.storage.version import Version

DedupeKey = Literal["id", "sequence", "sequence_ci"]
Keep = Literal["first", "last"]

MAX_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class DuplicateRecords:
    """Base rows (0-based) that are one record by the key: which stays, and which go, with their ids."""

    sequence: str
    kept: int
    removed: tuple[int, ...]
    kept_id: str
    removed_ids: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "sequence": self.sequence,
            "kept": self.kept,
            "removed": list(self.removed),
            "kept_id": self.kept_id,
            "removed_ids": list(self.removed_ids),
        }


@dataclass(frozen=True, slots=True)
class DedupeResult:
    """What deduplication did, or would do.

    Attributes:
        key: By what records were compared.
        keep: Which row of each was kept.
        rows_before: Base rows before.
        rows_removed: How many of them went.
        groups: Which; at most 1,000 are listed.
        overlay_rows: How many rows went with them, by namespace.
        snapshot: The automatic copy of the base of before, relative to the dataset; None where nothing was changed.
        dry_run: Whether nothing was changed.
    """

    key: DedupeKey
    keep: Keep
    rows_before: int
    rows_removed: int
    groups: tuple[DuplicateRecords, ...]
    overlay_rows: dict[str, int]
    snapshot: str | None
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "key": self.key,
            "keep": self.keep,
            "rows_before": self.rows_before,
            "rows_removed": self.rows_removed,
            "groups": [group.to_dict() for group in self.groups],
            "overlay_rows": dict(self.overlay_rows),
            "snapshot": self.snapshot,
            "dry_run": self.dry_run,
        }


@dataclass
class Dedupe:
    """The step that removes duplicates.

    Attributes:
        key: ``id``, ``sequence`` (trimmed, within a bio_type) or ``sequence_ci`` (also ignoring case, dna_4 only).
        keep: Which row stays; one that is not deleted always goes before one that is.
    """

    key: DedupeKey = "id"
    keep: Keep = "first"

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the options.

        Raises:
            ValidationError: One has an unknown value.
        """
        for name, value, known in (
            ("key", self.key, get_args(DedupeKey)),
            ("keep", self.keep, get_args(Keep)),
        ):
            choice_of(value, known, what=name)

    def content(self, digest: Digest) -> None:
        """Feed the options."""
        digest_text(digest, f"{self.key}:{self.keep}")

    def apply(self, mutation: Mutation) -> DedupeResult:
        """Rewrite the base and the overlays that lose rows; nothing is changed where there is nothing to remove.

        Raises:
            SchemaError: The key is ``sequence_ci`` and the base has other alphabets than dna_4.
        """
        with mutation.store.pin() as version:
            keep, groups = find_duplicates(version, mutation.registry, key=self.key, keep=self.keep)
            if keep.all():
                return self._result(keep, groups, {}, None, dry_run=False)
            snapshot = snapshot_before(mutation)
            removal = Removal(version.base, keep)
            mutation.replace_base(removal.stage_base(mutation))
            draft = Draft(action="dedupe", args={"key": self.key, "keep": self.keep}, writes_base=True)
            mutation.note(draft)
            lost = {
                namespace: rows
                for namespace in version.overlays
                if (rows := removal.drop_overlay_rows(mutation, namespace, why="dedupe"))
            }
        result = self._result(keep, groups, lost, snapshot.path, dry_run=False)
        draft.metrics = {
            "rows": result.rows_before - result.rows_removed,
            "rows_before": result.rows_before,
            "rows_removed": result.rows_removed,
            "overlay_rows_removed": sum(lost.values()),
        }
        return result

    def preview(self, store: Store) -> DedupeResult:
        """What the step would do; takes no lock and writes nothing."""
        registry = load_registry(store.root, fs=store.fs)
        self.prepare(registry, None)
        with store.pin() as version:
            version.check_layouts()
            keep, groups = find_duplicates(version, registry, key=self.key, keep=self.keep)
            lost = Removal(version.base, keep).count_overlay_rows(version, registry) if not keep.all() else {}
        return self._result(keep, groups, lost, None, dry_run=True)

    def _result(
        self,
        keep: Flags,
        groups: tuple[DuplicateRecords, ...],
        lost: dict[str, int],
        snapshot: str | None,
        *,
        dry_run: bool,
    ) -> DedupeResult:
        removed = int((~keep).sum())
        return DedupeResult(self.key, self.keep, len(keep), removed, groups, lost, snapshot, dry_run)

    def replay(self, event: Event) -> DedupeResult:
        """What the same step did before."""
        before, removed = event_count(event, "rows_before"), event_count(event, "rows_removed")
        return DedupeResult(self.key, self.keep, before, removed, (), {}, None, dry_run=False)


def find_duplicates(
    version: Version, registry: Registry, *, key: DedupeKey, keep: Keep
) -> tuple[Flags, tuple[DuplicateRecords, ...]]:
    """Which base rows stay (a flag each), and the rows that are one record, in base order.

    Raises:
        SchemaError: The key is ``sequence_ci`` and the base has other alphabets than dna_4.
    """
    digests = np.concatenate([np.empty((0, 20), np.uint8), *_key_digests(version, key)])
    order, starts = _runs(digests)
    ends = np.append(starts[1:], len(order))
    stays = np.ones(len(digests), dtype=np.bool_)
    several = np.flatnonzero(ends - starts > 1)
    if not len(several):
        return stays, ()
    deleted = deleted_rows(version, registry)
    found: list[tuple[int, tuple[int, ...]]] = []
    for run in several.tolist():
        rows = sorted(order[starts[run] : ends[run]].tolist())
        alive = [row for row in rows if not deleted[row]] or rows
        kept = alive[0] if keep == "first" else alive[-1]
        lost = tuple(row for row in rows if row != kept)
        stays[list(lost)] = False
        found.append((kept, lost))
    found.sort()
    return stays, _named(version, found[:MAX_LISTED])


def _runs(digests: Digests) -> tuple[Any, Any]:
    """Rows sorted by key, and where in that order each key begins."""
    if not len(digests):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    keys = np.ascontiguousarray(digests).view(f"S{digests.shape[1]}").ravel()
    order = np.argsort(keys, kind="stable")
    ordered = digests[order]
    new = np.append([True], (ordered[1:] != ordered[:-1]).any(axis=1))
    return order, np.flatnonzero(new)


def _key_digests(version: Version, key: DedupeKey) -> Iterator[Digests]:
    base, where = version.base, str(version.dataset / version.base.path)
    names = ["id"] if key == "id" else ["bio_type", "sequence", "alphabet"]
    for batch in base_batches(base.file, base.footer, names):
        if key == "id":
            yield digests_of(batch.column(0), where=where)
            continue
        bio_type, sequence, alphabet = batch.columns
        sequence = pc.utf8_trim(sequence, characters=WHITE_SPACE)
        if key == "sequence_ci":
            other = pc.unique(alphabet.filter(pc.not_equal(alphabet, "dna_4"))).to_pylist()
            if other:
                raise SchemaError(
                    f"{where}: key 'sequence_ci' is for dna_4 only, the base has {', '.join(sorted(other))}",
                    mend="export the records whose alphabet is dna_4, and import them into a dataset of their own",
                )
            sequence = pc.utf8_upper(sequence)
        pairs = zip(bio_type.to_pylist(), sequence.to_pylist(), strict=True)
        yield digests_of(pa.array([compute_id(b, s) for b, s in pairs], pa.string()), where=where)


def _named(version: Version, found: list[tuple[int, tuple[int, ...]]]) -> tuple[DuplicateRecords, ...]:
    """The rows with their ids, and the sequence of the one that is kept."""
    wanted = np.unique(np.array([row for kept, lost in found for row in (kept, *lost)], np.int64))
    ids: dict[int, str] = {}
    sequences: dict[int, str] = {}
    start = 0
    for batch in base_batches(version.base.file, version.base.footer, ["id", "sequence"]):
        inside = wanted[(wanted >= start) & (wanted < start + batch.num_rows)]
        rows = batch.take(pa.array(inside - start, pa.int64()))
        ids |= zip(inside.tolist(), rows.column(0).to_pylist(), strict=True)
        sequences |= zip(inside.tolist(), rows.column(1).to_pylist(), strict=True)
        start += batch.num_rows
    return tuple(
        DuplicateRecords(sequences[kept], kept, lost, ids[kept], tuple(ids[row] for row in lost))
        for kept, lost in found
    )
