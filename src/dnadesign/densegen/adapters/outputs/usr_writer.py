"""The only door to usr: designs into a dataset, each flush one transaction of base rows and one overlay part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from dnadesign.densegen.contract import metadata
from dnadesign.densegen.contract.design import Design
from dnadesign.densegen.contract.errors import StoreError
from dnadesign.densegen.contract.ports import (
    COMPLETED_ACTION,
    FAILED_ACTION,
    STARTED_ACTION,
    Json,
    RunNews,
    StoredDesign,
    TakenError,
)
from dnadesign.densegen.contract.sequences import reverse_complement
from dnadesign.densegen.operations.design_arrays import Arrays
from dnadesign.usr import (
    Actor,
    Dataset,
    DuplicateIDError,
    DuplicateKeyError,
    SequencesError,
    Transaction,
    ValidationError,
    compute_id,
    load_registry,
    parse_type_str,
    register_namespace,
)

BIO_TYPE = "dna"
ALPHABET = "dna_4"
TOOL = "densegen"


class UsrStore:
    """A ``DesignStore`` on a usr dataset.

    Args:
        root: Root folder of the datasets; created when it is not there.
        dataset: Dataset id, ``name`` or ``group/name``.
        run_id: Stands in every row, batch and event.
        config_sha256: Stands in every row.
        annotate: Take designs that the dataset has without a densegen row, instead of skipping them.
        arrays: Gives the arrays to store beside a design; without it none are stored.
    """

    def __init__(
        self,
        root: Path,
        dataset: str,
        *,
        run_id: str,
        config_sha256: str,
        annotate: bool = False,
        arrays: Callable[[Design], Arrays] | None = None,
    ) -> None:
        self._root = root
        self._run_id = run_id
        self._config_sha256 = config_sha256
        self._annotate = annotate
        self._arrays = arrays
        self._actor = Actor(tool=TOOL, run_id=run_id)
        with _errors():
            self._dataset = Dataset(root, dataset)

    def settle(self) -> None:
        """Finish or drop what a writer that died left half done.

        Must come before a run asks what is committed: a flush whose event is in the log but was not acknowledged does
        not count for a reader, and yet the next writer completes it. Its batch would then be submitted again.
        """
        if self._dataset.dir.exists():
            with _errors():
                self._dataset.recover()

    def prepare(self) -> None:
        """Register the namespace and create the dataset, where they are not there yet.

        Raises:
            StoreError: The root has a ``densegen`` namespace that this version cannot write, or another refusal.
        """
        with _errors():
            self._root.mkdir(parents=True, exist_ok=True)
            if not self._registered():
                register_namespace(
                    self._root,
                    namespace=metadata.NAMESPACE,
                    columns=list(metadata.COLUMNS),
                    owner=metadata.OWNER,
                    description=metadata.DESCRIPTION,
                )
            self._make_dataset()

    def _make_dataset(self) -> None:
        if self._dataset.exists():
            return
        try:
            self._dataset.init(source=TOOL, notes="Designs made by dense.", actor=self._actor)
        except ValidationError:
            if not self._dataset.exists():  # otherwise another shard was first
                raise

    def _registered(self) -> bool:
        """Whether the root's contract has all our columns with our types; it may have more."""
        if not (self._root / "registry.yaml").exists():
            return False
        registry = load_registry(self._root)
        return all(registry.column_type(name) == kind for name, kind in metadata.COLUMNS)

    def exists(self) -> bool:
        """Whether the dataset is there."""
        with _errors():
            return bool(self._dataset.exists())

    def stored(self, run_id: str) -> list[StoredDesign]:
        """All designs of a run that are committed, deleted ones included; none when there is no dataset."""
        names = ["plan", "library_index", "attempt_id", "config_sha256"]
        columns = ["sequence", *(metadata.column(name) for name in names)]
        if self.exists() and _DELETED in self._dataset.schema().names:
            columns.append(_DELETED)
        return [
            StoredDesign(
                sequence=row["sequence"],
                **{name: row[metadata.column(name)] for name in names},
                deleted=bool(row.get(_DELETED)),
            )
            for row in self.designs(run_id, columns, include_deleted=True).to_pylist()
        ]

    def designs(
        self, run_id: str, columns: Sequence[str] | None = None, *, include_deleted: bool = False
    ) -> pa.Table:
        """The rows of a run, in the order in which they were written."""
        names = list(columns or ["id", "sequence", "length", *(name for name, _ in metadata.COLUMNS)])
        if not self.exists() or not self._has_overlay():
            return pa.table({name: pa.array([], _TYPES[name]) for name in names})
        # A run id is letters, digits, '_', '.' and '-' (contract.config): nothing in it ends the quotes.
        where = f"{metadata.column('run_id')} = '{run_id}'"
        with _errors():
            return self._dataset.scan(names, include_deleted=include_deleted, where=where).read_all()

    def runs(self) -> dict[str, str]:
        """The run ids that the dataset has designs of, each with the hash of its config."""
        names = [metadata.column("run_id"), metadata.column("config_sha256")]
        if not self.exists() or not self._has_overlay():
            return {}
        with _errors():
            reader = self._dataset.scan(
                names, include_deleted=True, where=f"{metadata.column('run_id')} is not null"
            )
            return {
                str(row[names[0]]): str(row[names[1]])
                for batch in reader
                for row in pa.table(batch.columns, names).group_by(names).aggregate([]).to_pylist()
            }

    def logged(self, action: str) -> Iterator[Mapping[str, Any]]:
        """The arguments of each event of that action that this run has logged, oldest first."""
        with _errors():
            for event in self._dataset.events():
                if event.action == action and event.actor is not None and event.actor.run_id == self._run_id:
                    yield event.args

    def news(self) -> list[RunNews]:
        """The last start or end of each shard of this run that the log tells of, the newest last."""
        found: dict[str, RunNews] = {}
        if not self.exists():
            return []
        with _errors():
            for event in self._dataset.events():
                if event.action in _NEWS and event.actor.run_id == self._run_id:
                    shard = str(event.args.get("shard") or "0/1")
                    found.pop(shard, None)
                    reason = str(event.args.get("reason") or "")
                    found[shard] = RunNews(event.action, reason, event.timestamp_utc, shard)
        return list(found.values())

    def is_committed(self, batch_id: str) -> bool:
        """Whether a batch of that name is in the dataset."""
        with _errors():
            return self._dataset.batch(batch_id) is not None

    def taken(self, sequences: Sequence[str], *, both_strands: bool) -> set[str]:
        """Those of the sequences that cannot be written as new designs."""
        owners: dict[str, str] = {}
        for sequence in sequences:
            owners[compute_id(BIO_TYPE, sequence)] = sequence
            if both_strands:
                owners.setdefault(compute_id(BIO_TYPE, reverse_complement(sequence)), sequence)
        quoted = ", ".join(f"'{key}'" for key in owners)  # 40 hex digits each
        where = f"id in ({quoted})"
        with _errors():
            if self._annotate and not self._has_overlay():
                return set()
            if self._annotate:
                where = f"{where} and {metadata.column('run_id')} is not null"
            found = self._dataset.scan(
                ["id"], include_overlays=self._annotate, include_deleted=True, where=where
            ).read_all()
        return {owners[key] for key in found["id"].to_pylist()}

    def _has_overlay(self) -> bool:
        return metadata.column("run_id") in self._dataset.schema().names

    def commit(self, batch_id: str, designs: Sequence[Design]) -> None:
        """Write designs and their metadata in one transaction."""
        rows = [design.sequence for design in designs]
        conflict: Literal["ignore", "error"] = "ignore" if self._annotate else "error"
        with _errors(), self._dataset.transaction(batch_id=batch_id, actor=self._actor) as change:
            change.add_sequences(
                rows,
                bio_type=BIO_TYPE,
                alphabet=ALPHABET,
                source=f"densegen:{self._run_id}",
                on_conflict=conflict,
            )
            parts = [self._row(design) | self._stored_arrays(change, design) for design in designs]
            change.write_overlay_part(metadata.NAMESPACE, pa.Table.from_pylist(parts, schema=_SCHEMA))

    def _row(self, design: Design) -> dict[str, Any]:
        """The metadata of a design, keyed by id."""
        row = metadata.design_row(design, run_id=self._run_id, config_sha256=self._config_sha256)
        return {"id": compute_id(BIO_TYPE, design.sequence), **row}

    def _stored_arrays(self, change: Transaction, design: Design) -> dict[str, Any]:
        """The columns that refer to the arrays of a design, which are committed with its row."""
        if self._arrays is None:
            return {}
        return change.write_artifact(metadata.NAMESPACE, self._arrays(design)).columns(metadata.NAMESPACE)

    def unreferenced_artifacts(self) -> int:
        """How many files of arrays no row refers to; maintenance of usr removes them."""
        if not self.exists():
            return 0
        with _errors():
            return sum(not artifact.referenced for artifact in self._dataset.list_artifacts())

    def log(self, action: str, *, args: Mapping[str, Json], metrics: Mapping[str, Json]) -> None:
        """Record an event of the run in the dataset's log."""
        with _errors():
            self._dataset.log_event(action, args=dict(args), metrics=dict(metrics), actor=self._actor)


_NEWS = {STARTED_ACTION, COMPLETED_ACTION, FAILED_ACTION}
_METADATA = [(name, parse_type_str(kind)) for name, kind in metadata.COLUMNS]
_SCHEMA = pa.schema([("id", pa.string()), *_METADATA])
_DELETED = "usr__deleted"
_TYPES = {
    "id": pa.string(),
    "sequence": pa.string(),
    "length": pa.int32(),
    _DELETED: pa.bool_(),
    **dict(_METADATA),
}


@contextmanager
def _errors() -> Iterator[None]:
    """Turn usr's errors into densegen's, with the status that usr gave."""
    try:
        yield
    except (DuplicateIDError, DuplicateKeyError) as error:
        raise TakenError(error.message, mend=error.mend) from error
    except SequencesError as error:
        raise StoreError(
            error.message, mend=error.mend, exit_status=error.exit_status, cause_code=error.code
        ) from error
