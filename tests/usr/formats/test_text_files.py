"""Files that should be text: what others are, and where a text leaves its encoding."""

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import CorruptFileError, SchemaError
from dnadesign.usr.formats.sequence_files import read_sequences

FASTA = b">a\nACGT\n"


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"sequence": ["ACGT"]}), sink)
    return bytes(sink.getvalue().to_pybytes())


PARQUET = _parquet()


@pytest.mark.parametrize("name", ["g.fa", "g.csv", "g.jsonl", "g.fastq", "g.gb"])
@pytest.mark.parametrize(
    ("data", "told", "ending"),
    [
        (gzip.compress(FASTA, mtime=0), "compressed with gzip", ".gz"),
        (bytes(pa.compress(FASTA, "zstd", asbytes=True)), "compressed with zstd", ".zst"),
        (bz2.compress(FASTA), "compressed with bzip2", ""),
        (lzma.compress(FASTA), "compressed with xz", ""),
        (b"PK\x03\x04" + bytes(40), "a zip archive or a spreadsheet", ""),
        ("sequence\nACGT\n".encode("utf-16"), "text in UTF-16", ""),
        (PARQUET, "a Parquet file", ".parquet"),
        (b"ARROW1\0\0" + bytes(40), "an Arrow or Feather file", ""),
        (b"SQLite format 3\0" + bytes(40), "a database", ""),
    ],
    ids=["gzip", "zstd", "bzip2", "xz", "zip", "utf-16", "parquet", "arrow", "database"],
)
def test_a_file_that_is_no_text_is_told_as_what_it_is(
    name: str, data: bytes, told: str, ending: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(SchemaError, match=f"{name}: is {told}, and no text") as caught:
        list(read_sequences(file))
    if ending:
        better = "g.parquet" if ending == ".parquet" else f"{name}{ending}"
        assert caught.value.mend == f"say so in its name: {better}"
        if name == "g.fa" or better == "g.parquet":
            assert sum(len(piece.numbers) for piece in read_sequences(file.rename(tmp_path / better))) == 1


@pytest.mark.parametrize(
    ("name", "data", "told", "better"),
    [
        ("a.csv.gz", b"sequence\nACGT\n", "cannot be decompressed: it is text", "a.csv"),
        ("a.csv.zst", b"sequence\nACGT\n", "cannot be decompressed: it is text", "a.csv"),
        (
            "a.fa.gz",
            bytes(pa.compress(FASTA, "zstd", asbytes=True)),
            "it is compressed with zstd",
            "a.fa.zst",
        ),
        ("a.fa.zst", gzip.compress(FASTA, mtime=0), "it is compressed with gzip", "a.fa.gz"),
        ("a.csv.gz", PARQUET, "cannot be decompressed: it is a Parquet file", "a.parquet"),
        ("a.parquet", gzip.compress(PARQUET, mtime=0), "it is compressed with gzip", None),
        ("a.parquet", b"sequence\nACGT\n", "not a whole Parquet file: it is text", "a.csv"),
        ("a.parquet", b"PK\x03\x04" + bytes(40), "it is a zip archive or a spreadsheet", None),
    ],
    ids=[
        "plain-gz",
        "plain-zst",
        "zstd-gz",
        "gzip-zst",
        "parquet-gz",
        "gzip-parquet",
        "plain-parquet",
        "zip-parquet",
    ],
)
def test_a_file_whose_name_promises_something_else_is_told_as_what_it_is(
    name: str, data: bytes, told: str, better: str | None, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(CorruptFileError, match=f"{name}: .*{told}") as caught:
        list(read_sequences(file))
    if better is not None:
        assert str(caught.value.mend).startswith(f"say so in its name: {better}")
        assert sum(len(piece.numbers) for piece in read_sequences(file.rename(tmp_path / better))) == 1


def test_a_table_that_was_compressed_twice_is_told_as_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(PARQUET))
    with pytest.raises(SchemaError, match=r"a.csv.gz: what is compressed in it is a Parquet file") as caught:
        list(read_sequences(file))
    assert caught.value.mend == "decompress it, then say so in its name: a.parquet"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", [1, 9_000])
@pytest.mark.parametrize("last", [b"caf\xe9\n", b"caf\xe9"])
def test_a_text_that_is_not_utf8_is_told_with_its_line(
    end: str, before: int, last: bytes, tmp_path: Path
) -> None:
    text = f"sequence,source{end}" + f"ACGT,\u00e9t\u00e9{end}" * before
    for name, pack in (("a.csv", bytes), ("a.csv.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(text.encode() + b"AC," + last))
        with pytest.raises(SchemaError, match=f"{name}, line {before + 2}: not UTF-8"):
            list(read_sequences(tmp_path / name))
