"""Lance, as its documentation shows it."""

from __future__ import annotations

from pathlib import Path

import lance
import pyarrow as pa


class Table:
    """A Lance dataset."""

    lacks = (
        "appends without looking for the key, in the same table or another; syncs nothing; a version is numbered, but "
        "what was done, by whom and to which files is not recorded"
    )

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "table.lance")

    def create(self, table: pa.Table) -> None:
        """Make the dataset."""
        lance.write_dataset(table, self.path)

    def append(self, table: pa.Table) -> None:
        """Append one fragment."""
        lance.write_dataset(table, self.path, mode="append")

    def insert_absent(self, table: pa.Table) -> None:
        """Merge-insert on the id."""
        lance.dataset(self.path).merge_insert("id").when_not_matched_insert_all().execute(table)
