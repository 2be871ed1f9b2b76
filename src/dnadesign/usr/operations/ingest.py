"""Add rows to the base: check them, give them their ids, and append those that are new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.arguments import choice_of
from dnadesign.usr.contract.content import Digest, digest_table, digest_text
from dnadesign.usr.contract.errors import DuplicateIDError, SchemaError, ValidationError
from dnadesign.usr.contract.event_fields import DAMAGED_LOG
from dnadesign.usr.contract.events import Event
from dnadesign.usr.contract.identity import validate_alphabet
from dnadesign.usr.contract.records import CORE_COLUMNS, CORE_SCHEMA, constant, make_records, times
from dnadesign.usr.contract.registry import Registry
from dnadesign.usr.contract.type_values import cast_column
from dnadesign.usr.contract.types import describe_type
from dnadesign.usr.contract.wording import part_of
from dnadesign.usr.operations._deleted import Flags, conflict_mend, deleted_among, deleted_now
from dnadesign.usr.operations._mutation import Draft, Mutation
from dnadesign.usr.operations._rows import (
    arrow_table,
    check_columns,
    is_tabular,
    listed,
    mappings_table,
    typed_column,
    unique_columns,
)
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.key_index import Digests
from dnadesign.usr.storage.staging import Staging

OnConflict = Literal["error", "ignore"]
Rows = Iterable[str] | Iterable[Mapping[str, Any]] | Any

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class AddSequencesResult:
    """What became of the rows that were handed in.

    Attributes:
        added: How many were new.
        skipped: How many were in the dataset already, or earlier in the same input.
        ids: The id of every row handed in, in their order, new or not.
    """

    added: int
    skipped: int
    ids: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The counts for machine-readable output; ids are left out, they can be millions."""
        return {"added": self.added, "skipped": self.skipped}


@dataclass
class AddRows:
    """The step that appends rows to the base.

    Attributes:
        rows: Strings, mappings, or a table through the Arrow interfaces.
        bio_type: For all rows that do not say their own.
        alphabet: Likewise.
        source: Likewise.
        created_at: Likewise; now when None.
        on_conflict: What to do about a row that is there already: ``error`` or ``ignore``.
        args: More of what was asked for, for the event.
    """

    rows: Rows
    bio_type: str | None
    alphabet: str | None
    source: str = ""
    created_at: datetime | None = None
    on_conflict: OnConflict = "error"
    args: Mapping[str, Any] = field(default_factory=dict)
    records: pa.Table = field(init=False)
    digests: Digests = field(init=False)
    given_times: bool = field(init=False, default=False)

    def prepare(self, registry: Registry, staging: Staging | None) -> None:
        """Bring the rows into their normal form.

        Raises:
            AlphabetError: A sequence does not fit its alphabet.
            SchemaError: A column is unknown, missing or of another type.
        """
        choice_of(self.on_conflict, ("error", "ignore"), what="on_conflict")
        if self.alphabet is not None:
            validate_alphabet(self.alphabet, bio_type=self.bio_type)
        table = unique_columns(rows_table(self.rows), what="rows")
        self.given_times = self.created_at is not None or "created_at" in table.column_names
        self.records = _normalise(
            table,
            bio_type=self.bio_type,
            alphabet=self.alphabet,
            source=self.source,
            created_at=self.created_at,
        )
        self.digests = digests_of(self.records.column("id"), where="rows")

    def content(self, digest: Digest) -> None:
        """Feed the rows and options; a time that the library filled in does not count."""
        names = [n for n in CORE_COLUMNS if n != "created_at" or self.given_times]
        digest_text(digest, f"import_rows:{self.on_conflict}")
        digest_table(digest, self.records.select(names))

    def apply(self, mutation: Mutation) -> AddSequencesResult:
        """Append the rows that are new; where there is none, only a batch is worth an event: that it was committed.

        Raises:
            DuplicateIDError: A row is there already, and conflicts are errors.
        """
        places = mutation.index.base.find(self.digests)
        known = places >= 0
        again = set(repeated(self.digests))
        if self.on_conflict == "error":
            deleted = (
                deleted_among(places, deleted_now(mutation.store, mutation.registry))
                if known.any()
                else known
            )
            self._refuse_duplicates(known.nonzero()[0].tolist(), sorted(again), deleted)
        new = [i for i, there in enumerate(known.tolist()) if not there and i not in again]
        rows = (
            self.records
            if len(new) == self.records.num_rows
            else self.records.take(pa.array(new, pa.int64()))
        )
        if rows.num_rows:
            mutation.add_base_rows(rows, self.digests[new])
        result = AddSequencesResult(rows.num_rows, self.records.num_rows - rows.num_rows, self._ids())
        if not rows.num_rows and mutation.batch_id is None:
            return result
        mutation.note(
            Draft(
                action="import_rows",
                args={"source": self.source, "on_conflict": self.on_conflict, **self.args},
                metrics={
                    "rows": result.added,
                    "rows_incoming": self.records.num_rows,
                    "rows_skipped": result.skipped,
                }
                | ({} if rows.num_rows else {"bytes": 0}),
                writes_base=rows.num_rows > 0,
            )
        )
        return result

    def replay(self, event: Event) -> AddSequencesResult:
        """The result of the same rows, committed before."""
        metrics = event.metrics
        added, skipped = metrics.get("rows"), metrics.get("rows_skipped")
        if not isinstance(added, int) or not isinstance(skipped, int):
            raise ValidationError(f"event {event.event_id}: has no row counts", mend=DAMAGED_LOG)
        return AddSequencesResult(added, skipped, self._ids())

    def _ids(self) -> tuple[str, ...]:
        return tuple(self.records.column("id").to_pylist())

    def _refuse_duplicates(self, known: list[int], again: list[int], deleted: Flags) -> None:
        for rows, where in ((again, "in the input more than once"), (known, "in the dataset already")):
            if rows:
                ids = [self.records.column("id")[i].as_py() for i in rows[:_SHOWN]]
                shown = ", ".join(
                    f"row {i} ({key}{', deleted' if deleted[i] else ''})"
                    for i, key in zip(rows, ids, strict=False)
                )
                raise DuplicateIDError(
                    f"{part_of(len(rows), self.records.num_rows, 'row')} {where}: {shown}"
                    f"{', ...' if len(rows) > _SHOWN else ''}",
                    mend=conflict_mend(deleted=bool(deleted.any())),
                )


_INPUT_TYPES: dict[str, pa.DataType] = {
    field.name: field.type for field in CORE_SCHEMA if field.name not in ("id", "length")
} | {"id": pa.string(), "length": pa.int32()}


def rows_table(rows: Rows) -> pa.Table:
    """Rows as a table with the columns they give.

    Raises:
        ValidationError: They are neither strings, mappings nor a table.
    """
    if isinstance(rows, (str, bytes)):
        raise ValidationError(
            "rows: expected several sequences, found one text", mend="pass a list: [sequence]"
        )
    if isinstance(rows, Mapping):
        raise ValidationError("rows: expected several mappings, found one", mend="pass a list of mappings")
    if is_tabular(rows):
        return arrow_table(rows, what="rows")
    if not isinstance(rows, Iterable):
        raise ValidationError(
            f"rows: expected sequences, found {type(rows).__name__}", mend="pass a list: [sequence]"
        )
    found: Sequence[Any] = listed(rows)
    if not found:
        return pa.table({"sequence": pa.array([], pa.string())})
    if all(isinstance(row, str) for row in found):
        return pa.table({"sequence": typed_column(found, pa.string(), "sequence", what="rows")})
    return mappings_table(found, _INPUT_TYPES, what="rows")


def _normalise(
    table: pa.Table, *, bio_type: str | None, alphabet: str | None, source: str, created_at: datetime | None
) -> pa.Table:
    check_columns(
        table.column_names,
        list(CORE_COLUMNS),
        what="rows",
        mend="the base has these columns only; write others as an overlay (attach, write_overlay_part)",
    )
    count = table.num_rows
    if "sequence" not in table.column_names:
        raise SchemaError(
            "rows: column 'sequence' is missing", mend="name the column that holds them 'sequence'"
        )
    defaults = {
        "bio_type": constant(bio_type, count, name="bio_type") if bio_type is not None else None,
        "alphabet": constant(alphabet, count, name="alphabet") if alphabet is not None else None,
        "source": constant(source, count, name="source"),
        "created_at": times(created_at, count),
    }
    columns = {name: _filled(table, name, default) for name, default in defaults.items()}
    records = make_records(sequence=_filled(table, "sequence", None), **columns)
    for name in ("id", "length"):
        if name in table.column_names:
            _check_given(table, records, name)
    return records


def _filled(table: pa.Table, name: str, default: pa.Array | None) -> pa.Array:
    """A column in its type, the default standing for nulls and for a column that is not there."""
    if name not in table.column_names:
        if default is None:
            raise SchemaError(f"rows: column {name!r} is missing", mend=f"give it per row, or as {name}=...")
        return default
    column = _core_column(table, name)
    if column.null_count and default is not None:
        column = pc.if_else(column.is_valid(), column, default)
    if column.null_count:
        row = pc.indices_nonzero(column.is_null())[0].as_py()
        raise SchemaError(
            f"rows, row {row}, column {name!r}: is empty", mend="give a value, or leave the row out"
        )
    return column


def _check_given(table: pa.Table, records: pa.Table, name: str) -> None:
    """Refuse ids and lengths in the input that are not those of the sequences beside them."""
    given = _core_column(table, name)
    differ = pc.indices_nonzero(pc.fill_null(pc.not_equal(given, records.column(name)), fill_value=False))
    if len(differ):
        row = differ[0].as_py()
        raise SchemaError(
            f"rows, row {row}, column {name!r}: {given[row].as_py()!r} is given, "
            f"{records.column(name)[row].as_py()!r} follows from bio_type and sequence",
            mend=f"leave column {name!r} out; it is computed",
        )


def _core_column(table: pa.Table, name: str) -> pa.Array:
    """A column in its type, which is that of every dataset."""
    kind = CORE_SCHEMA.field(name).type
    try:
        return cast_column(table.column(name), kind, where=f"rows, column {name!r}").combine_chunks()
    except SchemaError as error:
        raise SchemaError(error.message, mend=f"give the column as {describe_type(kind)}") from error
