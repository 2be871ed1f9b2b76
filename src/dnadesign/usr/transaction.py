"""What a transaction records: the facade's changing methods that can share one commit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dnadesign.usr.operations._keys import Key
from dnadesign.usr.operations.ingest import AddRows, OnConflict, Rows
from dnadesign.usr.operations.overlay_parts import WritePart
from dnadesign.usr.operations.transaction import Transaction as _Transaction


class Transaction(_Transaction):
    """Changes that become visible together or not at all; see :meth:`Dataset.transaction`."""

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
        self.record(AddRows(rows, bio_type, alphabet, source, created_at, on_conflict))

    def import_rows(self, rows: Rows, *, source: str = "", on_conflict: OnConflict = "error") -> None:
        """Record what :meth:`Dataset.import_rows` does."""
        self.record(AddRows(rows, None, None, source, None, on_conflict))

    def write_overlay_part(
        self,
        namespace: str,
        data: Any,
        *,
        key: Key = "id",
        key_col: str | None = None,
        allow_missing: bool = False,
    ) -> None:
        """Record what :meth:`Dataset.write_overlay_part` does; rows added before it count."""
        self.record(WritePart(namespace, data, key, key_col, allow_missing))
