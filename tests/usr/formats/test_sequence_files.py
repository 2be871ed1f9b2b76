"""What the readers of sequence files give, and that a file cut short or damaged is never half a file."""

import gzip
import re
import sys
from pathlib import Path

import pytest

from dnadesign.usr import CorruptFileError, SchemaError, SequencesError, StorageError, ValidationError
from dnadesign.usr.formats.sequence_files import RecordPiece, read_sequences
from dnadesign.usr.formats.tables import PIECE_ROWS
from tests.usr.formats.packers import PACKERS

FASTA = b">one first of them\nACGT\nAC\n>two\nGG\n"
FASTQ = b"@one\nACGT\n+\nIIII\n@two\nGG\n+\nII\n"
GENBANK = b"""\
LOCUS       AB1                       10 bp    DNA     linear   UNK 01-JAN-1980
DEFINITION  one.
ACCESSION   AB1
VERSION     AB1.1
FEATURES             Location/Qualifiers
ORIGIN
        1 acgtacgtnn
//
LOCUS       AB2                        4 bp    DNA     linear   UNK 01-JAN-1980
DEFINITION  two.
ACCESSION   AB2
VERSION     AB2.1
FEATURES             Location/Qualifiers
ORIGIN
        1 ggcc
//
"""
CONTENT = {"x.fasta": FASTA, "x.fastq": FASTQ, "x.gb": GENBANK}


def read(path: Path, content: bytes, *, format: str | None = None) -> list[tuple[int, str, str]]:
    path.write_bytes(content)
    found = []
    for piece in read_sequences(path, format=format):
        assert isinstance(piece, RecordPiece)
        found += list(zip(piece.numbers, piece.titles, piece.sequences, strict=True))
    return found


@pytest.mark.parametrize("packing", PACKERS)
def test_records_come_with_numbers_names_and_symbols_as_they_stand(tmp_path: Path, packing: str) -> None:
    pack = PACKERS[packing]
    fasta = read(tmp_path / f"x.fa{packing}", pack(FASTA))
    assert fasta == [(1, "one first of them", "ACGTAC"), (2, "two", "GG")]
    fastq = read(tmp_path / f"x.fq{packing}", pack(FASTQ))
    assert fastq == [(1, "one", "ACGT"), (2, "two", "GG")]
    genbank = read(tmp_path / f"x.gbk{packing}", pack(GENBANK))
    assert genbank == [(1, "AB1.1", "acgtacgtnn"), (2, "AB2.1", "ggcc")]


def test_windows_line_ends_and_a_missing_last_one_change_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "x.fa", FASTA.replace(b"\n", b"\r\n")[:-2]) == read(tmp_path / "y.fa", FASTA)


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_compressed_file_cut_anywhere_is_an_error(tmp_path: Path, name: str, packing: str) -> None:
    whole = PACKERS[packing](CONTENT[name])
    for length in range(len(whole)):
        with pytest.raises(CorruptFileError, match=re.escape(f"{name}{packing}")):
            read(tmp_path / f"{name}{packing}", whole[:length])


def test_a_genbank_file_cut_anywhere_is_an_error_or_ends_behind_a_record(tmp_path: Path) -> None:
    ends = [i for i in range(len(GENBANK)) if GENBANK[:i].rstrip().endswith(b"//")]
    for length in range(0, len(GENBANK), 3):
        if length in ends:
            assert len(read(tmp_path / "x.gb", GENBANK[:length])) >= 1
        else:
            with pytest.raises((CorruptFileError, SchemaError)):
                read(tmp_path / "x.gb", GENBANK[:length])


def test_a_fastq_file_cut_within_a_record_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"x\.fastq, line 8, after 1 record"):
        read(tmp_path / "x.fastq", FASTQ[:-3])


def test_blocks_of_gzip_without_their_end_mark_are_a_file_cut_short(tmp_path: Path) -> None:
    end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    plain = gzip.compress(FASTA)
    body = plain[10:]
    size = len(plain) + 8 - 1
    block = plain[:3] + b"\x04" + plain[4:10] + b"\x06\x00BC\x02\x00" + size.to_bytes(2, "little") + body
    assert len(read(tmp_path / "x.fa.gz", block + end)) == 2
    with pytest.raises(CorruptFileError, match="last block is missing"):
        read(tmp_path / "x.fa.gz", block)


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("x.fa", b"", SchemaError, "has no record"),
        ("x.gb", b"", SchemaError, "has no record"),
        ("x.fa", b"ACGT\n", SchemaError, "line 1, after 0 records: Expected '>'"),
        ("x.fq", b"@a\nACGT\n+\nIII\n", SchemaError, "line 4, after 0 records: Length of sequence"),
        ("x.fa", b">\xff\nACGT\n", SchemaError, "not UTF-8"),
        ("x.gb", b"hello\n", SchemaError, "record 1: not a GenBank record"),
        ("x.gb", GENBANK.replace(b"10 bp", b"11 bp"), SchemaError, "record 1: not a GenBank record"),
        ("x.fa.gz", FASTA, CorruptFileError, "cannot be decompressed"),
        ("x.fa.zst", FASTA, CorruptFileError, "cannot be decompressed"),
        ("x.txt", FASTA, ValidationError, "its ending '.txt' tells no format"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name_and_place(
    tmp_path: Path, name: str, content: bytes, error: type[SequencesError], says: str
) -> None:
    with pytest.raises(error, match=f"{re.escape(name)}.*{re.escape(says)}"):
        read(tmp_path / name, content)


def test_a_format_can_be_given_where_the_ending_tells_none(tmp_path: Path) -> None:
    assert len(read(tmp_path / "x.txt", FASTA, format="fasta")) == 2
    with pytest.raises(ValidationError, match="format 'fastaa' is unknown"):
        read(tmp_path / "x.txt", FASTA, format="fastaa")


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere\.fa: no such file"):
        list(read_sequences(tmp_path / "nowhere.fa"))


@pytest.mark.parametrize(("module", "name"), [("dnaio", "x.fasta"), ("gb_io", "x.gb")])
def test_without_the_extra_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValidationError, match=re.escape("dnadesign[formats]")):
        read(tmp_path / name, CONTENT[name])


def test_many_records_come_in_pieces_that_count_on(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(b"".join(b">r%d\nA\n" % i for i in range(PIECE_ROWS + 2)))
    numbers = [list(piece.numbers) for piece in read_sequences(path)]
    assert [(n[0], n[-1]) for n in numbers] == [(1, PIECE_ROWS), (PIECE_ROWS + 1, PIECE_ROWS + 2)]
