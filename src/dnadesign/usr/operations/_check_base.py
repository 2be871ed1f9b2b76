"""The rules of the base table, held against its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.identity import WHITE_SPACE
from dnadesign.usr.contract.layout import (
    ID_HASH,
    META_CREATED_AT,
    META_ID_HASH,
    META_SCHEMA_VERSION,
    SCHEMA_VERSION,
)
from dnadesign.usr.contract.records import CORE_COLUMNS, CORE_SCHEMA, compute_ids, find_problems
from dnadesign.usr.contract.restoring import restore_mend
from dnadesign.usr.contract.types import same_logical_type
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._report import Report
from dnadesign.usr.operations._spilled_keys import SpilledKeys, Told
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.parquet import batches_of, reading
from dnadesign.usr.storage.stored_keys import Digests
from dnadesign.usr.storage.version import Version

_BATCH = 65_536
_SHOWN = 5


type Progress = Callable[[int, int], None]


class BaseRows(NamedTuple):
    """What is known of the rows of a base once they are read.

    Attributes:
        source: What their keys are put aside as.
        read: How many there are.
        whole: Whether these are all, each with its key.
        right: Whether nothing is wrong with them, each by itself.
    """

    source: int
    read: int
    whole: bool
    right: bool


def check_base(
    version: Version, report: Report, keys: SpilledKeys, progress: Progress | None = None
) -> BaseRows | None:
    """Check metadata, schema and every row of the base but for whether a key comes twice; None if it is no base.

    Args:
        version: The pinned files.
        report: Where the findings go.
        keys: Where the keys of its rows go.
        progress: Told how many rows are checked, and how many there are, now and then.
    """
    _check_metadata(version, report)
    source = keys.new_source()
    if not _check_schema(version, report):
        return None
    where, before, row, whole = version.base.path, len(report.problems), 0, True
    try:
        for batch in _batches(version):
            digests = _check_batch(batch, row, where, report)
            if digests is None:
                whole = False
            else:
                keys.add(source, row, digests)
            row += batch.num_rows
            if progress is not None:
                progress(row, version.base.footer.rows)
    except SequencesError as error:
        report.error("base.rows", where, error)
        whole = False
    report.rows = row
    return BaseRows(source, row, whole, len(report.problems) == before)


def tell_base(version: Version, report: Report, rows: BaseRows, told: Told) -> None:
    """Report keys that come twice, or that all is right."""
    where = version.base.path
    for row, key in told.again.rows:
        report.failed(
            "base.ids",
            f"{where}, row {row}, column 'id'",
            f"{key} is there twice",
            "remove the copies: usr maintenance dedupe --reason TEXT",
        )
    if told.again.count > len(told.again.rows):
        report.failed("base.ids", where, f"{told.again.count:,} rows have an id that an earlier row has")
    if rows.right and not told.again.count:
        report.passed(
            "base.rows", where, f"{counted(rows.read, 'row')}: ids, symbols, lengths, no duplicates"
        )


def _check_metadata(version: Version, report: Report) -> None:
    said, where = version.base.footer.key_values, version.base.path
    found = said.get(META_SCHEMA_VERSION, b"").decode("utf-8", "replace")
    if found != SCHEMA_VERSION:
        report.failed(
            "base.metadata",
            where,
            f"usr:schema_version is {found!r}, this library reads {SCHEMA_VERSION!r}",
            "update the library" if found else "this is no base table of usr",
        )
        return
    for key, wanted in ((META_ID_HASH, ID_HASH), (META_CREATED_AT, None)):
        text = said.get(key, b"").decode("utf-8", "replace")
        if not text or (wanted is not None and text != wanted):
            report.failed(
                "base.metadata",
                where,
                f"{key.decode()} is {text!r}, expected {wanted or 'the time of init'!r}",
            )
            return
    report.passed("base.metadata", where, f"schema version {found}")


def _check_schema(version: Version, report: Report) -> bool:
    schema, where = version.base.footer.schema, version.base.path
    wrong = [
        f"{f.name} is {schema.field(f.name).type if f.name in schema.names else 'missing'}, expected {f.type}"
        for f in CORE_SCHEMA
        if f.name not in schema.names or not same_logical_type(schema.field(f.name).type, f.type)
    ]
    foreign = [n for n in schema.names if n not in CORE_COLUMNS and "__" not in n]
    wrong += [f"{n} is neither a base column nor a derived one" for n in foreign]
    if wrong:
        report.failed("base.schema", where, "; ".join(wrong), restore_mend(where))
        return False
    report.passed("base.schema", where, counted(len(schema.names), "column"))
    return True


def _batches(version: Version) -> Iterator[pa.RecordBatch]:
    with reading(version.base.file, footer=version.base.footer) as parquet:
        yield from batches_of(parquet, _BATCH, CORE_COLUMNS)


def _check_batch(batch: pa.RecordBatch, first: int, where: str, report: Report) -> Digests | None:
    for name in CORE_COLUMNS:
        column = batch.column(name)
        if column.null_count:
            row = first + pc.indices_nonzero(column.is_null())[0].as_py()
            report.failed("base.rows", f"{where}, row {row}, column {name!r}", "is empty")
            return None
    columns = {name: pc.cast(batch.column(name), CORE_SCHEMA.field(name).type) for name in CORE_COLUMNS}
    _check_sequences(columns, first, where, report)
    return _check_ids(columns, first, where, report)


def _check_sequences(columns: dict[str, pa.Array], first: int, where: str, report: Report) -> None:
    sequence = columns["sequence"]
    try:
        problems = find_problems(columns["bio_type"], sequence, columns["alphabet"], limit=_SHOWN)
    except SequencesError as error:
        report.error("base.alphabet", where, error)
        return
    for row, message, mend in problems:
        report.failed("base.alphabet", f"{where}, row {first + row}, column 'sequence'", message, mend)
    untrimmed = pc.not_equal(pc.utf8_trim(sequence, characters=WHITE_SPACE), sequence)
    lengths = pc.not_equal(pc.cast(pc.utf8_length(sequence), pa.int32()), columns["length"])
    for rows, column, message in (
        (untrimmed, "sequence", "has white space around it"),
        (lengths, "length", "is not the number of symbols"),
    ):
        for row in pc.indices_nonzero(rows)[:_SHOWN].to_pylist():
            report.failed("base.rows", f"{where}, row {first + row}, column {column!r}", message)


def _check_ids(columns: dict[str, pa.Array], first: int, where: str, report: Report) -> Digests:
    ids = columns["id"]
    wrong = pc.indices_nonzero(pc.not_equal(ids, compute_ids(columns["bio_type"], columns["sequence"])))
    for row in wrong[:_SHOWN].to_pylist():
        report.failed(
            "base.ids",
            f"{where}, row {first + row}, column 'id'",
            f"{ids[row].as_py()!r} is not the hash of its bio_type and sequence: the row was changed outside usr",
            restore_mend(where),
        )
    return digests_of(ids, where=where, first_row=first)
