"""Iceberg through pyiceberg with an SQLite catalog, as its documentation shows it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

NAME = "bench.table"


class Table:
    """An Iceberg table and its catalog."""

    lacks = (
        "appends without looking for the key, in the same table or another; of its files only the catalog's database "
        "is synced; snapshots name files, not their hashes; a fixed-size list becomes a list"
    )

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.catalog = SqlCatalog(
            "bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse"
        )

    def create(self, table: pa.Table) -> None:
        """Make the table."""
        self.catalog.create_namespace("bench")
        self.catalog.create_table(NAME, schema=table.schema).append(table)

    def append(self, table: pa.Table) -> None:
        """Append one file."""
        self.catalog.load_table(NAME).append(table)

    def insert_absent(self, table: pa.Table) -> None:
        """Upsert on the id without updating."""
        self.catalog.load_table(NAME).upsert(table, join_cols=["id"], when_matched_update_all=False)
