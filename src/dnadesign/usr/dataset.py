"""The facade: one object for one dataset; every method delegates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnadesign.usr import operations as _ops  # each verb is loaded when it is first called
from dnadesign.usr.base_methods import BaseMethods
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.arguments import seconds_of
from dnadesign.usr.contract.errors import DatasetNotFound
from dnadesign.usr.contract.layout import EVENTS, RECORDS
from dnadesign.usr.contract.names import STATE_NAMESPACE, check_batch_id, nearest
from dnadesign.usr.event_methods import EventMethods
from dnadesign.usr.operations._datasets import list_datasets
from dnadesign.usr.overlay_methods import OverlayMethods
from dnadesign.usr.reading_methods import ReadingMethods
from dnadesign.usr.state_methods import StateMethods
from dnadesign.usr.storage.batch_index import BatchRecord
from dnadesign.usr.storage.filesystem import REAL, FileSystem
from dnadesign.usr.storage.lock import DEFAULT_TIMEOUT
from dnadesign.usr.storage.lost_log import lost_log
from dnadesign.usr.storage.maintenance import maintenance as _maintenance
from dnadesign.usr.storage.maintenance import require
from dnadesign.usr.storage.paths import path_of
from dnadesign.usr.storage.store import Store
from dnadesign.usr.transaction import Transaction

if TYPE_CHECKING:  # only names in signatures; what has them is loaded when it is used
    import duckdb
    import pyarrow as pa

    from dnadesign.usr.operations.describe import DatasetInfo
    from dnadesign.usr.operations.freeze import FreezeResult
    from dnadesign.usr.operations.ingest import AddSequencesResult, OnConflict, Rows
    from dnadesign.usr.operations.validate import RegistryMode, Report


class Dataset(BaseMethods, OverlayMethods, StateMethods, ReadingMethods, EventMethods):
    """One dataset of sequences under a root.

    Args:
        root: The root's folder, where ``registry.yaml`` lies.
        name: The dataset's id: ``name`` or ``group/name``.
        lock_timeout: Seconds that a change waits for another writer.
        fs: The file system; another one is for tests.

    Raises:
        NamespaceError: The name is outside the grammar.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        name: str,
        *,
        lock_timeout: float = DEFAULT_TIMEOUT,
        fs: FileSystem = REAL,
    ) -> None:
        lock_timeout = seconds_of(lock_timeout, what="lock_timeout")
        self._store = Store(
            root=path_of(root, what="root").absolute(), name=name, fs=fs, lock_timeout=lock_timeout
        )

    @classmethod
    def open(
        cls,
        root: str | PathLike[str],
        name_or_path: str | PathLike[str],
        *,
        lock_timeout: float = DEFAULT_TIMEOUT,
    ) -> Dataset:
        """A dataset that exists, by its id or by the path of its folder under the root.

        Raises:
            DatasetNotFound: There is none; the nearest name is shown.
            EventLogError: Its files are there and its log is gone.
            NamespaceError: The name is outside the grammar, or the path not under the root.
        """
        base = path_of(root, what="root").absolute()
        given = path_of(name_or_path, what="dataset")
        name = str(name_or_path)
        if given.is_absolute() and given.resolve().is_relative_to(base.resolve()):
            name = given.resolve().relative_to(base.resolve()).as_posix()
        dataset = cls(base, name, lock_timeout=lock_timeout)
        if not dataset.exists():
            if (lost := lost_log(dataset._store.fs, dataset.dir)) is not None:
                raise lost
            known = list_datasets(base)
            meant = nearest(name, known)
            raise DatasetNotFound(
                f"{dataset.dir}: no dataset there",
                mend=f"did you mean {meant!r}?"
                if meant
                else f"datasets there: {', '.join(known[:10]) or 'none'}",
            )
        return dataset

    def __repr__(self) -> str:
        return f"Dataset({str(self.root)!r}, {self.name!r})"

    @property
    def root(self) -> Path:
        """The root's folder."""
        return self._store.root

    @property
    def name(self) -> str:
        """The dataset's id."""
        return self._store.name

    @property
    def dir(self) -> Path:
        """The dataset's folder."""
        return Path(str(self._store.dir))

    @property
    def records_path(self) -> Path:
        """The base table."""
        return self.dir / RECORDS

    @property
    def events_path(self) -> Path:
        """The event log."""
        return self.dir / EVENTS

    def exists(self) -> bool:
        """Whether the dataset has its first event."""
        return self._store.exists()

    def init(self, *, source: str = "", notes: str = "", actor: Actor | None = None) -> Dataset:
        """Make the dataset; a root without a registry gets one. A crashed init can be repeated.

        Raises:
            ValidationError: The dataset is there already, or another one would be in its folder, or it in another's.
        """
        if self.exists():
            raise _ops.init.there_already(self._store)
        _ops.init.check_not_nested(self._store)
        _ops.register.ensure_registry(self.root, fs=self._store.fs)
        _ops.init.prepare_folder(self._store)
        _ops._mutation.run(self._store, [_ops.init.Init(source, notes)], actor=actor, must_exist=False)
        return self

    # -- base ---------------------------------------------------------------------------------------------------

    def add_sequences(
        self,
        rows: Rows,
        *,
        bio_type: str,
        alphabet: str,
        source: str = "",
        created_at: datetime | None = None,
        on_conflict: OnConflict = "error",
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> AddSequencesResult:
        """Add sequences of one kind.

        Args:
            rows: Strings, mappings (``{"sequence": ..., "source": ...}``) or a table through the Arrow interfaces.
            bio_type: dna, rna or protein.
            alphabet: dna_4, dna_5, rna_4, rna_5, protein_20 or protein_21.
            source: Where they come from, for rows that do not say.
            created_at: Ingest time (aware), for rows that do not say; now when None.
            on_conflict: ``error`` refuses all when one is there already, ``ignore`` skips those.
            batch_id: A name under which this very input is committed once only.
            actor: Who does it.

        Raises:
            AlphabetError: A sequence does not fit the alphabet.
            DuplicateIDError: A sequence is there already, and conflicts are errors.
            BatchConflict: The batch_id is committed with other content.
        """
        step = _ops.ingest.AddRows(rows, bio_type, alphabet, source, created_at, on_conflict)
        return _ops._mutation.run(self._store, [step], actor=actor, batch_id=batch_id)[2][0]

    def import_rows(
        self,
        rows: Rows,
        *,
        source: str = "",
        on_conflict: OnConflict = "error",
        batch_id: str | None = None,
        actor: Actor | None = None,
    ) -> AddSequencesResult:
        """Add rows that each say their own ``bio_type`` and ``alphabet``; else like :meth:`add_sequences`."""
        step = _ops.ingest.AddRows(rows, None, None, source, None, on_conflict)
        return _ops._mutation.run(self._store, [step], actor=actor, batch_id=batch_id)[2][0]

    # -- transactions, batches, maintenance ---------------------------------------------------------------------

    def transaction(self, batch_id: str | None = None, actor: Actor | None = None) -> Transaction:
        """Group base rows and parts into one commit: ``with dataset.transaction() as tx: tx.add_sequences(...)``."""
        return Transaction(self._store, batch_id=batch_id, actor=actor)

    def batch(self, batch_id: str) -> BatchRecord | None:
        """What is committed under a batch_id, or None."""
        return self._store.batches().get(check_batch_id(batch_id))

    def maintenance(self, *, reason: str, actor: Actor | None = None) -> AbstractContextManager[None]:
        """Allow maintenance of this dataset inside a ``with`` block; the reason stands in the events."""
        return _maintenance(self.dir, reason=reason, actor=actor)

    def freeze_registry(self, *, maintenance: bool = False, actor: Actor | None = None) -> FreezeResult:
        """Keep the root's registry of now in the dataset, and stamp its hash into the base.

        Raises:
            MaintenanceRequired: Neither inside ``with dataset.maintenance(...)`` nor ``maintenance=True``.
        """
        permit = require(self.dir, "freezing the registry", allowed=maintenance, actor=actor)
        return _ops._mutation.run(
            self._store, [_ops.freeze.Freeze()], actor=permit.actor, reason=permit.reason
        )[2][0]

    # -- reading ------------------------------------------------------------------------------------------------

    def scan(  # noqa: PLR0917 - the format gives them by position, in this order
        self,
        columns: Sequence[str] | None = None,
        include_overlays: bool = True,
        include_deleted: bool = False,
        batch_size: int = 65_536,
        where: str | None = None,
        shard: tuple[int, int] | None = None,
        *,
        namespaces: Sequence[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Read base and overlays merged, streaming, in base order, from one committed version.

        Args:
            columns: Which columns, in which order; all when None.
            include_overlays: Whether to join the overlays.
            namespaces: Only these overlays.
            include_deleted: Also rows that are tombstoned.
            batch_size: About how many rows a batch has.
            where: A condition in DuckDB's SQL over the columns, such as ``"densegen__gc_total > 0.5"``.
            shard: ``(i, n)``, 0-based: rows with ``int(id[:16], 16) * n >> 64 == i``.

        Raises:
            DatasetNotFound: There is no dataset.
            SchemaError: A column or namespace is unknown.
            ConcurrentChangeError: Writers were too quick to get one version.
        """
        return _ops._scan.scan(
            self._store,
            columns,
            include_overlays=include_overlays,
            namespaces=namespaces,
            include_deleted=include_deleted,
            batch_size=batch_size,
            where=where,
            shard=shard,
        )

    def head(
        self,
        n: int = 10,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        include_deleted: bool = False,
    ) -> pa.Table:
        """The first ``n`` rows (that fulfil a condition as for :meth:`scan`), merged, in base order."""
        return _ops.read.head(self._store, n, columns=columns, where=where, include_deleted=include_deleted)

    def get(
        self, ids: str | Sequence[str], *, columns: Sequence[str] | None = None, include_deleted: bool = False
    ) -> pa.Table:
        """The rows of these ids, merged, in base order.

        Raises:
            MissingKeyError: An id is unknown, or its record deleted.
        """
        return _ops.read.get(self._store, ids, columns=columns, include_deleted=include_deleted)

    def to_arrow(self, columns: Sequence[str] | None = None, **options: Any) -> pa.Table:
        """All rows as one table; takes what :meth:`scan` takes."""
        return self.scan(columns, **options).read_all()

    def connect(self, *, include_deleted: bool = False) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection pinned to one version, with the views ``records`` and ``events``.

        Use it in a ``with`` block, or keep it: cursors and relations end with it. Behind the block they raise DuckDB's
        ``ConnectionException``; a cursor of a connection that is kept nowhere has lost its files.
        """
        return _ops.read.connect(self._store, include_deleted=include_deleted)

    def schema(self) -> pa.Schema:
        """The schema of the merged view."""
        return _ops.read.schema(self._store)

    def info(self) -> DatasetInfo:
        """What the dataset holds, at a glance."""
        return _ops.describe.info(self._store)

    # -- checking -----------------------------------------------------------------------------------------------

    def check(
        self,
        registry_mode: RegistryMode = "current",
        *,
        deep: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Check everything and return the report: each check, its result, where, and what to do.

        Args:
            registry_mode: As for :meth:`validate`.
            deep: As for :meth:`validate`.
            progress: Called now and then with the rows checked so far and the rows there are.
        """
        return _ops.validate.check(self._store, registry_mode=registry_mode, deep=deep, progress=progress)

    def validate(self, registry_mode: RegistryMode = "current", *, deep: bool = False) -> Report:
        """Check everything.

        Args:
            registry_mode: ``current``: all files match the root's registry; ``frozen``: the dataset's frozen one;
                ``either``: each file one of the two.
            deep: Also hold every byte of every file against the hashes in the events; decode what older tools wrote,
                of which there are none, with page checksums verified.

        Raises:
            ValidationError: Something does not hold; the message has all problems found.
        """
        report = _ops.validate.check(self._store, registry_mode=registry_mode, deep=deep)
        report.raise_problems()
        return report


__all__ = ["STATE_NAMESPACE", "Dataset", "Transaction"]
