"""The facade's methods that look through a whole dataset; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.contract.motifs import MotifKind, Strand
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    import pyarrow as pa

    from dnadesign.usr.operations.export import ExportResult
    from dnadesign.usr.operations.manifest import Manifest


class ReadingMethods:
    """What can be found out about, and taken out of, a dataset as a whole."""

    _store: Store

    def export(
        self,
        path: str | PathLike[str],
        *,
        format: str | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        namespaces: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> ExportResult:
        """Write the merged rows to a file, whole or not at all, or to the standard output; streaming, in base order.

        CSV and TSV have nested values as JSON, times as ISO 8601, bytes as base64, and an empty cell for null (an empty text is
        quoted). Parquet has exactly the registered types. FASTA has the id as name, and the columns asked for behind it.

        Args:
            path: The file, compressed if it ends in .gz or .zst, or ``-`` for the standard output. A pipe or a device
                gets the rows as they come.
            format: csv, tsv, jsonl, parquet or fasta; told by the file's ending when None.
            columns: Which columns, in which order; all when None.
            where: A condition in DuckDB's SQL over the columns.
            namespaces: Only these overlays.
            include_deleted: Also rows that are tombstoned.

        Raises:
            ValidationError: Nothing tells the format, or the file would lie in a dataset.
            SchemaError: A column or namespace is unknown.
            StorageError: The file cannot be written.
        """
        return _ops.export.export(
            self._store,
            path,
            format=format,
            columns=columns,
            where=where,
            namespaces=namespaces,
            include_deleted=include_deleted,
        )

    def grep(
        self,
        pattern: str,
        *,
        kind: MotifKind = "regex",
        strand: Strand = "+",
        ignore_case: bool | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        include_deleted: bool = False,
        limit: int | None = None,
    ) -> pa.Table:
        """Find a motif: one row for each position where a match begins, so that matches may overlap.

        The columns are ``id``, ``strand``, ``start`` and ``end`` (0-based, half-open, on the stored strand also for
        matches on the other one), ``match`` (as read on its strand), then those asked for. Rows stand in base order,
        then by start.

        Args:
            pattern: What to look for.
            kind: ``regex`` (Python's), ``iupac`` (codes for bases; T and U are one) or ``literal``.
            strand: ``+`` (the stored one), ``-`` (its reverse complement) or ``both``. A palindrome is found on both.
            ignore_case: Whether case does not count; when None it does not for IUPAC codes, and counts otherwise.
            columns: Columns of the record to add.
            where: A condition in DuckDB's SQL over the columns.
            include_deleted: Also records that are tombstoned.
            limit: At most so many matches.

        Raises:
            ValidationError: The pattern is wrong, or a protein is searched by IUPAC codes or on the minus strand.
            SchemaError: A column is unknown.
        """
        return _ops.grep.grep(
            self._store,
            pattern,
            kind=kind,
            strand=strand,
            ignore_case=ignore_case,
            columns=columns,
            where=where,
            include_deleted=include_deleted,
            limit=limit,
        )

    def describe(
        self, columns: Sequence[str] | None = None, *, where: str | None = None, include_deleted: bool = False
    ) -> pa.Table:
        """Summarise columns: one row each with type, count, nulls, distinct values, min, max and mean.

        ``exact`` says whether the distinct values are counted; in large datasets their number is an estimate.
        ``min`` and ``max`` are texts, null for nested and binary columns; ``mean`` is null where there are no numbers.

        Args:
            columns: Which columns; all when None.
            where: Only rows that fulfil this condition in DuckDB's SQL.
            include_deleted: Also rows that are tombstoned.

        Raises:
            SchemaError: A column is unknown.
        """
        return _ops.summarise.summarise(self._store, columns, where=where, include_deleted=include_deleted)

    def manifest(self) -> Manifest:
        """Every file with its bytes, hash and rows, and where in the log that is; for copying and comparing."""
        return _ops.manifest.manifest(self._store)
