"""The facade's methods on the state of records; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.arguments import UNSET, Unset
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    import pyarrow as pa

    from dnadesign.usr.operations._record_values import RecordsResult
    from dnadesign.usr.operations.state import QcStatus, Split


class StateMethods:
    """Deleting and restoring records, and their masks, quality, split and descent."""

    _store: Store

    def tombstone(
        self,
        ids: str | Iterable[str],
        *,
        reason: str | None = None,
        allow_missing: bool = False,
        actor: Actor | None = None,
    ) -> RecordsResult:
        """Delete records so that they can be brought back: they are hidden from reads unless asked for.

        Records that are deleted already keep the time and the reason that they have.

        Args:
            ids: Which records.
            reason: Why; kept with each of them.
            allow_missing: Leave out ids that are not there, instead of refusing them all.
            actor: Who does it.

        Raises:
            MissingKeyError: An id is not in the dataset.
        """
        step = _ops.tombstone.tombstone(ids, reason=reason, allow_missing=allow_missing)
        return _ops._mutation.run(self._store, [step], actor=actor)[2][0]

    def restore(
        self, ids: str | Iterable[str], *, allow_missing: bool = False, actor: Actor | None = None
    ) -> RecordsResult:
        """Bring deleted records back; those that were never deleted stay as they are.

        Raises:
            MissingKeyError: An id is not in the dataset.
        """
        return _ops._mutation.run(
            self._store, [_ops.tombstone.restore(ids, allow_missing=allow_missing)], actor=actor
        )[2][0]

    def set_state(
        self,
        ids: str | Iterable[str],
        *,
        masked: bool | Unset | None = UNSET,
        qc_status: QcStatus | Unset | None = UNSET,
        split: Split | Unset | None = UNSET,
        supersedes: str | Unset | None = UNSET,
        lineage: Sequence[str] | Unset | None = UNSET,
        allow_missing: bool = False,
        actor: Actor | None = None,
    ) -> RecordsResult:
        """Set fields of the state of records; a field that is not given keeps its value, None empties it.

        Args:
            ids: Which records.
            masked: Whether to leave them out of use.
            qc_status: pass, fail, warn or unknown.
            split: train, val, test or holdout.
            supersedes: The id of the record that these replace.
            lineage: Where they come from, first to last.
            allow_missing: Leave out ids that are not there, instead of refusing them all.
            actor: Who does it.

        Raises:
            MissingKeyError: An id is not in the dataset.
            ValidationError: A value is not one that its field takes.
        """
        fields = {
            "masked": masked,
            "qc_status": qc_status,
            "split": split,
            "supersedes": supersedes,
            "lineage": lineage,
        }
        step = _ops.state.set_state(ids, fields, allow_missing=allow_missing)
        return _ops._mutation.run(self._store, [step], actor=actor)[2][0]

    def clear_state(
        self,
        ids: str | Iterable[str],
        fields: str | Sequence[str] | None = None,
        *,
        allow_missing: bool = False,
        actor: Actor | None = None,
    ) -> RecordsResult:
        """Empty fields of the state of records, all when None.

        Raises:
            MissingKeyError: An id is not in the dataset.
            ValidationError: A field is unknown.
        """
        step = _ops.state.clear_state(ids, fields, allow_missing=allow_missing)
        return _ops._mutation.run(self._store, [step], actor=actor)[2][0]

    def get_state(self, ids: str | Iterable[str]) -> pa.Table:
        """The state of records, deleted ones too: ``id`` and the columns of ``usr_state``, in base order.

        Raises:
            MissingKeyError: An id is not in the dataset.
        """
        return _ops.state.get_state(self._store, ids)
