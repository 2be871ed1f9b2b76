"""Rows written out as CSV, TSV, JSONL, Parquet or FASTA, batch by batch, into a stream of bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.mends import spelled
from dnadesign.usr.formats.plain_values import csv_field, json_text, plain_rows
from dnadesign.usr.formats.text_files import COMPRESSIONS, plain_suffix

EXPORT_FORMATS = ("csv", "tsv", "jsonl", "parquet", "fasta")

SEPARATORS = {"csv": ",", "tsv": "\t"}

_BY_SUFFIX = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
    ".fa": "fasta", ".fasta": "fasta", ".fna": "fasta", ".faa": "fasta",
}  # fmt: skip


def export_format(path: Path | None, *, given: str | None) -> str:
    """The format to write: as given, or told by the file's ending; None as path is the standard output.

    Raises:
        ValidationError: Nothing tells it, it is unknown, or a compressed Parquet file is asked for.
    """
    found = given or (_BY_SUFFIX.get(plain_suffix(path)) if path is not None else None)
    where = str(path) if path is not None else "standard output"
    if found not in EXPORT_FORMATS:
        why = f"format {given!r} is unknown" if given else "nothing tells the format"
        endings = "" if path is None else f"; or give a name that ends in {', '.join(_BY_SUFFIX)}"
        raise ValidationError(
            f"{where}: {why}",
            mend=spelled(
                f"name the format: {{}}, one of {', '.join(EXPORT_FORMATS)}{endings}",
                ("format=", "--file-format"),
            ),
        )
    if found == "parquet" and path is not None and path.suffix.lower() in COMPRESSIONS:
        raise ValidationError(f"{where}: Parquet is compressed inside", mend=f"leave out {path.suffix}")
    return found


@contextmanager
def compressed(sink: BinaryIO, path: Path | None) -> Iterator[BinaryIO]:
    """The stream that compresses into ``sink`` what is written, as the ending of the path says."""
    suffix = path.suffix.lower() if path is not None else ""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0, compresslevel=6) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), "zstd") as stream:
            yield stream
    else:
        yield sink


def write_rows(
    sink: BinaryIO, format: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, headed: bool = True
) -> int:
    """Write rows and return their number.

    Args:
        sink: Where to.
        format: One of ``EXPORT_FORMATS``. FASTA takes ``id`` and ``sequence``, and other columns for the header.
        schema: Of the batches.
        batches: The rows.
        headed: Whether CSV or TSV begins with the names of the columns.
    """
    if format == "parquet":
        return _write_parquet(sink, schema, batches)
    if format in SEPARATORS and headed:
        sink.write(_delimited(schema.names, SEPARATORS[format]).encode())
    write = _TEXT[format]
    rows = 0
    for batch in batches:
        sink.write("".join(write(batch)).encode())
        rows += batch.num_rows
    return rows


def _write_parquet(sink: BinaryIO, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _csv(batch: pa.RecordBatch) -> Iterator[str]:
    for row in plain_rows(batch):
        yield _delimited(row.values(), ",")


def _tsv(batch: pa.RecordBatch) -> Iterator[str]:
    for row in plain_rows(batch):
        yield _delimited(row.values(), "\t")


def _delimited(values: Iterable[Any], separator: str) -> str:
    return separator.join(csv_field(value, separator) for value in values) + "\n"


def _jsonl(batch: pa.RecordBatch) -> Iterator[str]:
    for row in plain_rows(batch):
        yield json_text(row) + "\n"


def _fasta(batch: pa.RecordBatch) -> Iterator[str]:
    for row in plain_rows(batch):
        name, sequence = row.pop("id"), row.pop("sequence")
        said = "".join(f" {key}={_described(value)}" for key, value in row.items() if value is not None)
        yield f">{name}{said}\n{sequence}\n"


def _described(value: object) -> str:
    """A value in the header of a FASTA record, which ends at the line's end."""
    if isinstance(value, str) and value.isprintable() and value and not {" ", '"', "="} & set(value):
        return value
    return json.dumps(value, separators=(",", ":"))


_TEXT: dict[str, Callable[[pa.RecordBatch], Iterator[str]]] = {
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _jsonl,
    "fasta": _fasta,
}
