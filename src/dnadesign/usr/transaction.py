"""What a transaction records: the facade's changing methods that can share one commit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations.transaction import Transaction as _Transaction
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    from dnadesign.usr.operations._artifacts import Artifact, ArtifactRef
    from dnadesign.usr.operations._keys import Key
    from dnadesign.usr.operations.ingest import OnConflict, Rows
    from dnadesign.usr.storage.artifact_file import Arrays


class Transaction(_Transaction):
    """Changes that become visible together or not at all; see :meth:`Dataset.transaction`."""

    def __init__(self, store: Store, *, batch_id: str | None, actor: Actor | None) -> None:
        super().__init__(store, batch_id=batch_id, actor=actor)
        self._artifacts: dict[str, list[Artifact]] = {}

    def add_sequences(
        self,
        rows: Rows,
        *,
        bio_type: str,
        alphabet: str,
        source: str = "",
        created_at: datetime | None = None,
        on_conflict: OnConflict = "error",
    ) -> None:
        """Record what :meth:`Dataset.add_sequences` does."""
        self.record(_ops.ingest.AddRows(rows, bio_type, alphabet, source, created_at, on_conflict))

    def import_rows(self, rows: Rows, *, source: str = "", on_conflict: OnConflict = "error") -> None:
        """Record what :meth:`Dataset.import_rows` does."""
        self.record(_ops.ingest.AddRows(rows, None, None, source, None, on_conflict))

    def write_overlay_part(
        self,
        namespace: str,
        data: Any,
        *,
        key: Key = "id",
        key_col: str | None = None,
        allow_missing: bool = False,
    ) -> None:
        """Record what :meth:`Dataset.write_overlay_part` does; rows and arrays added before it count."""
        artifacts = tuple(self._artifacts.get(namespace, ()))
        self.record(_ops.overlay_parts.WritePart(namespace, data, key, key_col, allow_missing, artifacts))
        self._artifacts.pop(namespace, None)

    def write_artifact(self, namespace: str, arrays: Arrays) -> ArtifactRef:
        """Put arrays into a file that the next part of the namespace refers to, committed together with it.

        Args:
            namespace: Where they belong.
            arrays: Name to array: numbers, bools, or text and bytes of fixed width.

        Returns:
            Path, hash, size and contents, known at once; ``ref.columns(namespace)`` gives the values of the columns
            ``<namespace>__npz_ref``, ``__npz_sha256``, ``__npz_bytes`` and ``__npz_arrays``.

        Raises:
            NamespaceError: The namespace is outside the grammar.
            SchemaError: An array is of another kind.
            ValidationError: The transaction is not open.
        """
        self.check_open()
        artifact = _ops._artifacts.make_artifact(namespace, arrays)
        self._artifacts.setdefault(namespace, []).append(artifact)
        return artifact.ref

    def check_complete(self) -> None:
        """Refuse arrays that no part refers to.

        Raises:
            ValidationError: There are some.
        """
        for namespace, artifacts in self._artifacts.items():
            raise ValidationError(
                f"{counted(len(artifacts), 'artifact')} of namespace {namespace!r} written, but no later part refers to "
                "them",
                mend="write the part that has their references after them, in the same transaction",
            )
