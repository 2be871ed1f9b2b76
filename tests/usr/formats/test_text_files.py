"""Files that should be text: what others are, and where a text leaves its encoding."""

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import SchemaError
from dnadesign.usr.formats.sequence_files import read_sequences

FASTA = b">a\nACGT\n"


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
    ],
    ids=["gzip", "zstd", "bzip2", "xz", "zip", "utf-16"],
)
def test_a_file_that_is_no_text_is_told_as_what_it_is(
    name: str, data: bytes, told: str, ending: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(SchemaError, match=f"{name}: is {told}, and no text") as caught:
        list(read_sequences(file))
    if ending:
        assert caught.value.mend == f"say so in its name: {name}{ending}"
        if name == "g.fa":
            assert len(list(read_sequences(file.rename(tmp_path / f"{name}{ending}")))) == 1


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
