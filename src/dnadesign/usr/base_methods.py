"""The facade's methods on the base table; :class:`dnadesign.usr.Dataset` has them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.operations import import_file as _import_file
from dnadesign.usr.operations.import_file import ImportFile, ImportReport, OnConflict, OnInvalid
from dnadesign.usr.storage.store import Store


class BaseMethods:
    """What can be done with the base table of a dataset as a whole."""

    _store: Store

    def import_file(
        self,
        path: str | PathLike[str],
        *,
        bio_type: str | None = None,
        alphabet: str | None = None,
        source: str | None = None,
        format: str | None = None,
        on_conflict: OnConflict = "error",
        on_invalid: OnInvalid = "error",
        columns: Mapping[str, str] | None = None,
        dry_run: bool = False,
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> ImportReport:
        """Import the sequences of a file in one commit, in bounded memory.

        A table needs a column ``sequence`` and may have the other columns of the base; a sequence file gives sequences
        only. Names of its records are told in the report, and not kept: attach them as an overlay by sequence.

        Args:
            path: CSV, TSV, JSONL, FASTA, FASTQ, GenBank (each plain, .gz or .zst) or Parquet.
            bio_type: For rows that do not say; that of the alphabet when None.
            alphabet: For rows that do not say. It is never guessed.
            source: For rows that do not say; the file's name when None.
            format: csv, tsv, jsonl, parquet, fasta, fastq or genbank; told by the file's ending when None.
            on_conflict: ``error`` refuses all when a row is in the dataset already or twice in the file, ``ignore``
                skips those.
            on_invalid: ``error`` refuses all when a row is wrong, ``skip`` leaves such rows out and reports them.
            columns: Core column to column of the file; other columns of the file are then left out.
            dry_run: Only report what would be done; a row that is wrong is reported, not raised.
            batch_id: A name under which these very rows are committed once only.
            actor: Who does it.

        Raises:
            AlphabetError: A row does not fit its alphabet, or nothing says which one it is of.
            SchemaError: The file does not fit its format, or a column is unknown, missing or of another type.
            DuplicateIDError: A row is there already, and conflicts are errors.
            CorruptFileError: The file is damaged or cut short.
        """
        step = ImportFile(
            Path(path),
            bio_type=bio_type,
            alphabet=alphabet,
            source=source,
            format=format,
            on_conflict=on_conflict,
            on_invalid=on_invalid,
            columns=columns,
            dry_run=dry_run,
        )
        return _import_file.import_file(self._store, step, batch_id=batch_id, actor=actor)
