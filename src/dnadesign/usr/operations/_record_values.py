"""Give records values of a namespace that usr keeps itself: what tombstones and record state share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.arguments import ids_of
from dnadesign.usr.contract.content import Digest, digest_text
from dnadesign.usr.contract.errors import MissingKeyError
from dnadesign.usr.contract.events import Event, Fingerprint
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._keys import shown_keys
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._overlay import OverlayContract, event_count, overlay_contract
from dnadesign.usr.operations._overlay_merge import MergedOverlay, merge_rows
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_index import Ordinals
from dnadesign.usr.storage.staging import Staged, Staging


@dataclass(frozen=True, slots=True)
class RecordsResult:
    """How many records a change reached.

    Attributes:
        rows: How many records have the new values.
        rows_missing: How many ids were left out because the base does not have them (``allow_missing``).
        rows_unchanged: How many stayed as they were: they had the values already, or none to take back.
    """

    rows: int
    rows_missing: int
    rows_unchanged: int

    def to_dict(self) -> dict[str, int]:
        """The counts for machine-readable output."""
        return {
            "rows": self.rows,
            "rows_missing": self.rows_missing,
            "rows_unchanged": self.rows_unchanged,
        }


def unique_ids(ids: str | Iterable[str]) -> list[str]:
    """Ids as a list, each once.

    Raises:
        ValidationError: They are no texts.
    """
    return list(dict.fromkeys(ids_of(ids)))


@dataclass
class SetValues:
    """The step that gives records one set of values in a namespace; what is not named keeps its value.

    Attributes:
        namespace: Of usr's own.
        action: The event's.
        ids: Which records.
        values: Column to value, the same for all of them.
        allow_missing: Leave out ids that the base does not have, instead of refusing them all.
        known_only: Only records that have values of the namespace: there is nothing to take back from others.
        decides: The columns that tell whether a record has the values already and stays as it is; all when None.
        timed: A column that gets the time of the change.
        args: More of what was asked for, for the event.
    """

    namespace: str
    action: str
    ids: str | Iterable[str]
    values: Mapping[str, Any]
    allow_missing: bool = False
    known_only: bool = False
    decides: tuple[str, ...] | None = None
    timed: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    wanted: list[str] = field(init=False)
    contract: OverlayContract = field(init=False)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Check the ids."""
        self.wanted = unique_ids(self.ids)
        self.contract = overlay_contract(registry, self.namespace)

    def content(self, digest: Digest) -> None:
        """Feed ids, values and options."""
        digest_text(digest, f"{self.action}:{self.allow_missing}:{sorted(self.values.items())!r}")
        digest_text(digest, ",".join(self.wanted))

    def apply(self, mutation: Mutation) -> RecordsResult:
        """Merge the values into the namespace's file.

        Raises:
            MissingKeyError: An id is not in the base.
        """
        ids, places = self._known(mutation)
        missing = len(self.wanted) - len(ids)
        if not len(ids):
            return RecordsResult(0, missing, 0)
        values = dict(self.values) | ({self.timed: mutation.moment} if self.timed is not None else {})
        columns = self.contract.ordered(set(values))
        arrays = [pa.array([values[name]] * len(ids), self.contract.types[name]) for name in columns]
        table = pa.Table.from_arrays([ids, *arrays], schema=self.contract.schema(columns))
        merged = merge_rows(
            mutation,
            self.contract,
            columns,
            [(places, table)],
            incoming_bytes=table.nbytes,
            known_only=self.known_only,
            unless_same=columns if self.decides is None else self.decides,
        )
        rows = merged.rows_new + merged.rows_changed
        result = RecordsResult(rows, missing, len(ids) - rows)
        if merged.staged is not None:
            self._publish(mutation, merged, merged.staged, result)
        return result

    def _known(self, mutation: Mutation) -> tuple[pa.Array, Ordinals]:
        """The ids that the base has, and their places in it."""
        ids = pa.array(self.wanted, pa.string())
        places = mutation.index.base.find(digests_of(ids, where="ids"))
        missing = np.flatnonzero(places < 0).tolist()
        if missing and not self.allow_missing:
            raise MissingKeyError(
                f"{mutation.store.dir}: {part_of(len(missing), len(ids), 'id')} not there: {shown_keys(ids, missing)}",
                mend=spelled(
                    "look the ids up in the dataset, or pass {} to leave these out",
                    ("allow_missing=True", "--allow-missing"),
                ),
            )
        there = places >= 0
        return ids.filter(pa.array(there)), places[there]

    def _publish(
        self, mutation: Mutation, merged: MergedOverlay, staged: Staged, result: RecordsResult
    ) -> None:
        mutation.publishes.append(staged.publish(merged.path))
        mutation.note(
            Draft(
                action=self.action,
                args={"namespace": self.namespace, "allow_missing": self.allow_missing, **self.args},
                metrics={
                    "namespace": self.namespace,
                    **result.to_dict(),
                    "rows_total": merged.rows,
                    "bytes": staged.bytes,
                },
                added=[{"path": merged.path, "bytes": staged.bytes, "sha256": staged.sha256}],
                fingerprint=Fingerprint(merged.rows, 1 + len(merged.columns), staged.bytes),
            )
        )

    def replay(self, event: Event) -> RecordsResult:
        """The result of the same change, committed before."""
        rows, missing, unchanged = (
            event_count(event, name) for name in ("rows", "rows_missing", "rows_unchanged")
        )
        return RecordsResult(rows, missing, unchanged)
