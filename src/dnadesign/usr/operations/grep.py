"""Find motifs in sequences, on either strand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

import pyarrow as pa

from dnadesign.usr.contract.arguments import choice_of, columns_of, count_of
from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.contract.motifs import MotifKind, Strand, compile_motif, find_matches, reverse_complement
from dnadesign.usr.operations._scan import scan
from dnadesign.usr.storage.store import Store

_FOUND = pa.schema(
    [
        ("id", pa.string()),
        ("strand", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("match", pa.string()),
    ]
)
_NEEDED = ("id", "bio_type", "sequence")


Match = tuple[int, int, str, str]  # start, end, strand, text


@dataclass
class _Matches:
    """The matches of a batch, and the rows of the batch (0-based) that they are in."""

    rows: list[int] = field(default_factory=list)
    found: list[Match] = field(default_factory=list)

    def add(self, row: int, match: Match) -> None:
        """Note one match."""
        self.rows.append(row)
        self.found.append(match)

    def column(self, place: int) -> list[int | str]:
        """One member of each match."""
        return [match[place] for match in self.found]


def grep(
    store: Store,
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
    """One row for each match; see :meth:`dnadesign.usr.Dataset.grep`.

    Raises:
        ValidationError: The pattern or an option is wrong, or a protein is asked for what only nucleic acids have.
        SchemaError: A column is unknown.
    """
    compiled = compile_motif(pattern, kind, ignore_case=ignore_case)
    choice_of(strand, get_args(Strand), what="strand")
    if limit is not None:
        count_of(limit, what="limit")
    given = [] if columns is None else columns_of(columns)
    asked = [name for name in given if name != "id"]
    reader = scan(
        store, list(dict.fromkeys([*_NEEDED, *asked])), where=where, include_deleted=include_deleted
    )
    schema = pa.schema([*_FOUND, *(reader.schema.field(name) for name in asked)])
    tables: list[pa.Table] = []
    left = limit
    try:
        for batch in reader:
            if left == 0:
                break
            found = _in_batch(batch, compiled, kind, strand, left)
            tables.append(_table(batch, found, schema, asked))
            left = None if left is None else left - len(found.rows)
    finally:
        reader.close()
    return pa.concat_tables([schema.empty_table(), *tables])


def _in_batch(
    batch: pa.RecordBatch, compiled: re.Pattern[str], kind: MotifKind, strand: Strand, left: int | None
) -> _Matches:
    found = _Matches()
    needed = zip(*(batch.column(name).to_pylist() for name in _NEEDED), strict=True)
    for row, (record, bio_type, sequence) in enumerate(needed):
        if bio_type == "protein" and (kind == "iupac" or strand != "+"):
            what = "IUPAC motifs are" if kind == "iupac" else "the minus strand is"
            raise ValidationError(
                f"record {record} is a protein; {what} for dna and rna only",
                mend=spelled(
                    "leave proteins out: {}",
                    ("where=\"bio_type <> 'protein'\"", "--where \"bio_type <> 'protein'\""),
                ),
            )
        for match in _in_sequence(compiled, sequence, bio_type, strand):
            if left is not None and len(found.rows) == left:
                return found
            found.add(row, match)
    return found


def _in_sequence(compiled: re.Pattern[str], sequence: str, bio_type: str, strand: Strand) -> Iterator[Match]:
    """Matches by where they start on the stored strand; the plus strand first where both start at one place."""
    matches = []
    if strand != "-":
        matches += [(s, e, "+", sequence[s:e]) for s, e in find_matches(compiled, sequence)]
    if strand != "+":
        other, size = reverse_complement(sequence, bio_type), len(sequence)
        matches += [(size - e, size - s, "-", other[s:e]) for s, e in find_matches(compiled, other)]
    yield from sorted(matches)


def _table(batch: pa.RecordBatch, found: _Matches, schema: pa.Schema, asked: Sequence[str]) -> pa.Table:
    rows = pa.array(found.rows, pa.int64())
    columns = [
        batch.column("id").take(rows),
        pa.array(found.column(2), pa.string()),
        pa.array(found.column(0), pa.int32()),
        pa.array(found.column(1), pa.int32()),
        pa.array(found.column(3), pa.string()),
        *(batch.column(name).take(rows) for name in asked),
    ]
    return pa.Table.from_arrays(columns, schema=schema)
