"""Import a file of sequences: read it in pieces, check every row, and append what is new in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.arguments import choice_of, mapping_of, texts_of
from dnadesign.usr.contract.content import Digest, digest_table, digest_text
from dnadesign.usr.contract.errors import DuplicateIDError, SchemaError
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.identity import ALPHABETS, validate_alphabet
from dnadesign.usr.contract.records import CORE_COLUMNS, CORE_SCHEMA
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.formats.sequence_files import format_of, read_sequences
from dnadesign.usr.operations._deleted import Flags, conflict_mend, deleted_among, deleted_now, deleted_rows
from dnadesign.usr.operations._import_columns import FileColumns
from dnadesign.usr.operations._import_notes import ImportNotes
from dnadesign.usr.operations._import_rows import Defaults, make_rows
from dnadesign.usr.operations._mutation import Draft, Mutation, RowStream, run
from dnadesign.usr.operations._refusals import MAX_LISTED, SHOWN, Refusal, Refusals
from dnadesign.usr.operations._spill import HELD_BYTES, Spool
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.key_index import Digests, KeySet, read_ids
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.storage.staging import Staging
from dnadesign.usr.storage.store import Store

OnConflict = Literal["error", "ignore"]
OnInvalid = Literal["error", "skip"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Rows of a file that are one and the same record.

    Attributes:
        id: Its id.
        in_dataset: Whether the dataset has had it before.
        deleted: Whether it is deleted there, and so not seen until it is restored.
        unit: What the numbers count: ``line``, ``record`` (both from 1) or ``row`` (from 0).
        numbers: All rows of the file that are this record, in the file's order.
    """

    id: str
    in_dataset: bool
    unit: str
    numbers: tuple[int, ...]
    deleted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "id": self.id,
            "in_dataset": self.in_dataset,
            "deleted": self.deleted,
            "unit": self.unit,
            "numbers": list(self.numbers),
        }


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file.

    Attributes:
        path: The file.
        format: Its format.
        accepted: How many rows were new and are in the dataset now (would be, for a dry run).
        skipped: How many were in the dataset already, or earlier in the file.
        refused: How many could not be taken.
        refusals: Which, where and why; at most 10,000 of them are listed.
        duplicates: The skipped rows, grouped by record; at most 10,000 records are listed.
        dry_run: Whether nothing was changed.
        ok: Whether the import went through; for a dry run, whether it would.
        skipped_deleted: How many of the skipped rows are in the dataset, deleted.
        notes: What is worth a look though nothing is wrong with it, such as proteins that look like DNA.
    """

    path: str
    format: str
    accepted: int
    skipped: int
    refused: int
    refusals: tuple[Refusal, ...]
    duplicates: tuple[Duplicate, ...]
    dry_run: bool
    ok: bool
    skipped_deleted: int = 0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For machine-readable output."""
        return {
            "path": self.path,
            "format": self.format,
            "accepted": self.accepted,
            "skipped": self.skipped,
            "skipped_deleted": self.skipped_deleted,
            "refused": self.refused,
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "duplicates": [duplicate.to_dict() for duplicate in self.duplicates],
            "notes": list(self.notes),
            "dry_run": self.dry_run,
            "ok": self.ok,
        }


@dataclass
class ImportFile:
    """The step that imports a file; see :meth:`dnadesign.usr.Dataset.import_file` for the options."""

    path: Path
    bio_type: str | None = None
    alphabet: str | None = None
    source: str | None = None
    format: str | None = None
    on_conflict: OnConflict = "error"
    on_invalid: OnInvalid = "error"
    columns: Mapping[str, str] | None = None
    dry_run: bool = False
    kind: str = field(init=False)
    unit: str = field(init=False, default="row")
    rows: Spool = field(init=False)
    refusals: Refusals = field(init=False, default_factory=Refusals)
    given_times: bool = field(init=False, default=False)
    notes: ImportNotes = field(init=False, default_factory=ImportNotes)
    _digests: list[Digests] = field(init=False, default_factory=list)
    _numbers: list[Any] = field(init=False, default_factory=list)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Read the file, check every row and put the records aside.

        Raises:
            ValidationError: An option is wrong, or the format cannot be told.
            AlphabetError: A row does not fit its alphabet, or nothing says which one it is of.
            SchemaError: The file does not fit its format, or a column is unknown, missing or of another type.
            StorageError: The file cannot be read.
            CorruptFileError: It is damaged or cut short.
        """
        self._check_options()
        what, defaults = str(self.path), self._defaults()
        columns = FileColumns(self.path, self.kind, self.columns)
        self.rows = Spool(CORE_SCHEMA)
        for piece in read_sequences(self.path, format=self.kind, refuse=self._refuse_line):
            self.unit = piece.unit
            names = columns.names(piece, defaults)
            self.given_times |= "created_at" in names
            records, rows = make_rows(piece, names, defaults, self.refusals, what=what)
            self._add(records, np.asarray(piece.numbers, dtype=np.int64)[rows.to_numpy()])
            if self.on_invalid == "error" and not self.dry_run:
                self.refusals.raise_all(what)
        if self.on_invalid == "error" and not self.dry_run:
            self.refusals.raise_all(what)

    def _add(self, records: pa.Table, numbers: Any) -> None:
        self._digests.append(digests_of(records.column("id"), where=str(self.path)))
        self._numbers.append(numbers)
        self.notes.look(records)
        self.rows.add(records)
        if self.rows.held_bytes > HELD_BYTES:
            self.rows.flush()

    def _check_options(self) -> None:
        for name, value, allowed in (
            ("on_conflict", self.on_conflict, ("error", "ignore")),
            ("on_invalid", self.on_invalid, ("error", "skip")),
        ):
            choice_of(value, allowed, what=name)
        if self.alphabet is not None:
            validate_alphabet(self.alphabet, bio_type=self.bio_type)
        self.kind = format_of(self.path, given=self.format)
        if self.columns is not None:
            texts_of(mapping_of(self.columns, what="columns").values(), what="columns")

    def _defaults(self) -> Defaults:
        bio_type = self.bio_type
        if bio_type is None and self.alphabet is not None:
            bio_type = ALPHABETS[self.alphabet][0]
        source = self.source if self.source is not None else self.path.name
        return Defaults(bio_type, self.alphabet, source, self.source or "", datetime.now(UTC))

    def _refuse_line(self, line: int, fault: SchemaError) -> None:
        reason = fault.message.removeprefix(f"{self.path}, line {line}").lstrip(": ")
        self.refusals.add(Refusal("line", line, None, None, reason, fault.mend))

    def content(self, digest: Digest) -> None:
        """Feed the rows and options; a time that the library filled in does not count."""
        names = [n for n in CORE_COLUMNS if n != "created_at" or self.given_times]
        digest_text(digest, f"import_file:{self.on_conflict}:{self.on_invalid}")
        for table in self.rows.tables():
            digest_table(digest, table.select(names))

    def apply(self, mutation: Mutation) -> ImportReport:
        """Append the rows that are new; where there is none, only a batch is worth an event: that it was committed.

        Raises:
            DuplicateIDError: A row is there already, or twice in the file, and conflicts are errors.
        """
        new, report = self.weigh(mutation.index.base, lambda: deleted_now(mutation.store, mutation.registry))
        if not report.ok:
            self._refuse_duplicates(report)
        if not report.accepted and mutation.batch_id is None:
            return report
        if report.accepted:
            digests = self.digests
            stream = RowStream(report.accepted, self.rows.total_bytes, self._new_tables(new))
            mutation.add_base_stream(stream, digests[new])
        mutation.note(
            Draft(
                action="import_rows",
                args={
                    "file": str(self.path),
                    "format": self.kind,
                    "source": self.source,
                    "on_conflict": self.on_conflict,
                    "on_invalid": self.on_invalid,
                    "columns": dict(self.columns) if self.columns is not None else None,
                },
                metrics={
                    "rows": report.accepted,
                    "rows_incoming": len(new) + report.refused,
                    "rows_skipped": report.skipped,
                    "rows_refused": report.refused,
                }
                | ({} if report.accepted else {"bytes": 0}),
                writes_base=report.accepted > 0,
            )
        )
        return report

    @property
    def digests(self) -> Digests:
        """The ids of all rows that were not refused, shape (rows, 20)."""
        return np.concatenate([np.empty((0, 20), dtype=np.uint8), *self._digests])

    def weigh(self, base: KeySet, tombstoned: Callable[[], Flags]) -> tuple[Any, ImportReport]:
        """Which rows are new (a flag each), and the report.

        Args:
            base: The keys of the dataset.
            tombstoned: Tells which rows of the base are deleted; asked where any row is known.
        """
        digests = self.digests
        places = base.find(digests)
        known = places >= 0
        deleted = deleted_among(places, tombstoned()) if known.any() else known
        again = np.zeros(len(digests), dtype=np.bool_)
        again[repeated(digests)] = True
        new = ~(known | again)
        duplicates = self._duplicates(digests, known, again, deleted)
        conflicts = self.on_conflict == "error" and not new.all()
        report = ImportReport(
            path=str(self.path),
            format=self.kind,
            accepted=int(new.sum()),
            skipped=int((~new).sum()),
            refused=self.refusals.count,
            refusals=tuple(sorted(self.refusals.listed, key=lambda refusal: refusal.number)),
            duplicates=duplicates,
            dry_run=self.dry_run,
            ok=not conflicts and (self.on_invalid == "skip" or not self.refusals.count),
            skipped_deleted=int(deleted.sum()),
            notes=self.notes.told(digests, base, refused=self.refusals.count),
        )
        return new, report

    def _duplicates(self, digests: Digests, known: Any, again: Any, deleted: Any) -> tuple[Duplicate, ...]:
        """The skipped rows by record, in the order of the file."""
        wanted: dict[bytes, None] = {}
        for row in np.flatnonzero(known | again).tolist():
            wanted.setdefault(bytes(digests[row]))
            if len(wanted) == MAX_LISTED:
                break
        if not wanted:
            return ()
        numbers = np.concatenate(self._numbers)
        keys = KeySet()
        keys.add(np.frombuffer(b"".join(wanted), dtype=np.uint8).reshape(-1, digests.shape[1]))
        groups: list[list[int]] = [[] for _ in wanted]
        there, gone = [False] * len(wanted), [False] * len(wanted)
        ordinals = keys.find(digests)
        for row in np.flatnonzero(ordinals >= 0).tolist():
            groups[ordinals[row]].append(int(numbers[row]))
            there[ordinals[row]] |= bool(known[row])
            gone[ordinals[row]] |= bool(deleted[row])
        return tuple(
            Duplicate(key.hex(), found, self.unit, tuple(group), hidden)
            for key, found, group, hidden in zip(wanted, there, groups, gone, strict=True)
        )

    def _refuse_duplicates(self, report: ImportReport) -> None:
        inside = [d for d in report.duplicates if not d.in_dataset]
        shown = inside or list(report.duplicates)
        where = "more than once in the file" if inside else "in the dataset already"
        listed = "; ".join(_shown(d) for d in shown[:SHOWN])
        raise DuplicateIDError(
            f"{self.path}: {counted(report.skipped, 'duplicate')} in {counted(report.skipped + report.accepted, 'row')}; {where}: "
            f"{listed}{'; ...' if len(shown) > SHOWN else ''}",
            mend=conflict_mend(deleted=report.skipped_deleted > 0),
        )

    def _new_tables(self, new: Any) -> Iterator[pa.Table]:
        start = 0
        for table in self.rows.tables():
            flags = new[start : start + table.num_rows]
            start += table.num_rows
            if flags.all():
                yield table
            elif flags.any():
                yield table.filter(pa.array(flags))

    def replay(self, event: Event) -> ImportReport:
        """The report on the same rows, committed before."""
        counts = [event.metrics.get(name) for name in ("rows", "rows_skipped", "rows_refused")]
        accepted, skipped, refused = (count if isinstance(count, int) else 0 for count in counts)
        listed = tuple(self.refusals.listed)
        return ImportReport(
            str(self.path), self.kind, accepted, skipped, refused, listed, (), dry_run=False, ok=True
        )


def _shown(duplicate: Duplicate) -> str:
    numbers: Sequence[int] = duplicate.numbers[:SHOWN]
    more = ", ..." if len(duplicate.numbers) > SHOWN else ""
    state = ", deleted" if duplicate.deleted else ""
    return f"{duplicate.unit} {', '.join(map(str, numbers))}{more} ({duplicate.id}{state})"


def import_file(
    store: Store, step: ImportFile, *, batch_id: str | None = None, actor: Actor | None = None
) -> ImportReport:
    """Import a file, or only say what importing it would do.

    Raises:
        DatasetNotFound: There is no dataset.
    """
    if not step.dry_run:
        return run(store, [step], actor=actor, batch_id=batch_id)[2][0]
    with store.pin() as version:  # a preview takes no lock and writes nothing
        registry = load_registry(store.root, fs=store.fs)
        step.prepare(registry, None)
        base = KeySet()
        base.add(digests_of(read_ids(version.base.file, footer=version.base.footer), where=str(store.dir)))
        return step.weigh(base, lambda: deleted_rows(version, registry))[1]
