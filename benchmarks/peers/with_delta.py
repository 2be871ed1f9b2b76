"""Delta Lake through delta-rs, as its documentation shows it."""

from __future__ import annotations

from pathlib import Path

import deltalake
import pyarrow as pa


class Table:
    """A Delta table."""

    lacks = (
        "appends without looking for the key, in the same table or another; syncs nothing; its commit log names files "
        "and operation, not their hashes; a fixed-size list becomes a list"
    )

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "delta")

    def create(self, table: pa.Table) -> None:
        """Make the table."""
        deltalake.write_deltalake(self.path, table)

    def append(self, table: pa.Table) -> None:
        """Append one file."""
        deltalake.write_deltalake(self.path, table, mode="append")

    def insert_absent(self, table: pa.Table) -> None:
        """Merge on the id, inserting what does not match."""
        there = deltalake.DeltaTable(self.path)
        there.merge(
            source=table, predicate="t.id = s.id", source_alias="s", target_alias="t"
        ).when_not_matched_insert_all().execute()
