"""The facade's methods on overlays; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from typing import Any

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.operations import describe as _describe
from dnadesign.usr.operations._keys import Key
from dnadesign.usr.operations._mutation import run
from dnadesign.usr.operations.describe import OverlayInfo
from dnadesign.usr.operations.overlay_parts import OverlayPartResult, WritePart
from dnadesign.usr.storage.store import Store


class OverlayMethods:
    """What can be done with the overlays of a dataset."""

    _store: Store

    def write_overlay_part(
        self,
        namespace: str,
        data: Any,
        *,
        key: Key = "id",
        key_col: str | None = None,
        allow_missing: bool = False,
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> OverlayPartResult:
        """Write one immutable part of an overlay; what it costs does not grow with what is there.

        Args:
            namespace: A registered namespace.
            data: A key column and columns of the namespace, through the Arrow interfaces.
            key: What the key column holds: id, sequence, sequence_norm or sequence_ci.
            key_col: Its name in the data; ``id`` or ``sequence`` when None.
            allow_missing: Leave out rows whose key is not in the base, instead of refusing them all.
            batch_id: A name under which this very input is committed once only.
            actor: Who does it.

        Raises:
            SchemaError: A column is not registered, or a value does not fit its type.
            MissingKeyError: A key is not in the base.
            DuplicateKeyError: A key is in the namespace already.
            OverlayLayoutError: The namespace is both a file and parts.
        """
        step = WritePart(namespace, data, key, key_col, allow_missing)
        return run(self._store, [step], actor=actor, batch_id=batch_id)[2][0]

    def list_overlays(self) -> tuple[OverlayInfo, ...]:
        """The namespaces that the dataset has rows of."""
        return _describe.list_overlays(self._store)
