"""The rules of the base table, held against its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
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
from dnadesign.usr.contract.types import same_logical_type
from dnadesign.usr.contract.wording import counted
from dnadesign.usr.operations._report import Report
from dnadesign.usr.storage.id_digests import digests_of, repeated
from dnadesign.usr.storage.key_index import KeySet
from dnadesign.usr.storage.parquet import reading
from dnadesign.usr.storage.version import Version

_BATCH = 65_536
_SHOWN = 5


type Progress = Callable[[int, int], None]


def check_base(version: Version, report: Report, progress: Progress | None = None) -> KeySet:
    """Check metadata, schema and every row of the base; the keys that it has.

    Args:
        version: The pinned files.
        report: Where the findings go.
        progress: Told how many rows are checked, and how many there are, now and then.
    """
    keys = KeySet()
    where = version.base.path
    _check_metadata(version, report)
    if not _check_schema(version, report):
        return keys
    before = len(report.problems)
    row = 0
    try:
        for batch in _batches(version):
            _check_batch(batch, row, where, report, keys)
            row += batch.num_rows
            if progress is not None:
                progress(row, version.base.footer.rows)
    except SequencesError as error:
        report.error("base.rows", where, error)
    report.rows = row
    if len(report.problems) == before:
        report.passed("base.rows", where, f"{counted(row, 'row')}: ids, symbols, lengths, no duplicates")
    return keys


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
        report.failed("base.schema", where, "; ".join(wrong), "restore the file from a backup or a snapshot")
        return False
    report.passed("base.schema", where, counted(len(schema.names), "column"))
    return True


def _batches(version: Version) -> Iterator[pa.RecordBatch]:
    with reading(version.base.file, footer=version.base.footer) as parquet:
        yield from parquet.iter_batches(batch_size=_BATCH, columns=list(CORE_COLUMNS))


def _check_batch(batch: pa.RecordBatch, first: int, where: str, report: Report, keys: KeySet) -> None:
    for name in CORE_COLUMNS:
        column = batch.column(name)
        if column.null_count:
            row = first + pc.indices_nonzero(column.is_null())[0].as_py()
            report.failed("base.rows", f"{where}, row {row}, column {name!r}", "is empty")
            return
    columns = {name: pc.cast(batch.column(name), CORE_SCHEMA.field(name).type) for name in CORE_COLUMNS}
    _check_sequences(columns, first, where, report)
    _check_ids(columns, first, where, report, keys)


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


def _check_ids(columns: dict[str, pa.Array], first: int, where: str, report: Report, keys: KeySet) -> None:
    ids = columns["id"]
    wrong = pc.indices_nonzero(pc.not_equal(ids, compute_ids(columns["bio_type"], columns["sequence"])))
    for row in wrong[:_SHOWN].to_pylist():
        report.failed(
            "base.ids",
            f"{where}, row {first + row}, column 'id'",
            f"{ids[row].as_py()!r} is not the hash of its bio_type and sequence",
            "the row was changed outside usr: restore the file from a backup or a snapshot",
        )
    digests = digests_of(ids, where=where)
    twice = set(repeated(digests)) | set(np.flatnonzero(keys.find(digests) >= 0).tolist())
    for row in sorted(twice)[:_SHOWN]:
        report.failed(
            "base.ids",
            f"{where}, row {first + row}, column 'id'",
            f"{ids[row].as_py()} is there twice",
            "remove the copies: usr maintenance dedupe --reason TEXT",
        )
    keys.add(digests)
