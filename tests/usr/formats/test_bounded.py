"""A file is read a piece at a time, and a record of it without an end is refused before it has been read."""

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import SchemaError
from dnadesign.usr.formats.bounded import BOUNDS, Bounds
from dnadesign.usr.formats.sequence_files import read_sequences
from tests.usr.formats.packers import PACKERS

LONGEST_CHROMOSOME = 248_956_422  # human chromosome 1 in GRCh38
SMALL = Bounds(record_bytes=1 << 19, record_parts=1 << 14, piece_bytes=1 << 18)


def genbank(sequence: bytes) -> bytes:
    head = b"LOCUS       AB1 %d bp    DNA     linear   UNK 01-JAN-1980\nDEFINITION  one.\n" % len(sequence)
    lines = (b"%9d %s\n" % (i + 1, sequence[i : i + 600]) for i in range(0, len(sequence), 600))
    return (
        head
        + b"ACCESSION   AB1\nFEATURES             Location/Qualifiers\nORIGIN\n"
        + b"".join(lines)
        + b"//\n"
    )


ONE_RECORD: dict[str, Callable[[bytes], bytes]] = {
    "x.csv": lambda s: b"%s,1\n" % s,
    "quoted.csv": lambda s: b'"%s\n",1\n' % s,
    "x.tsv": lambda s: b"%s\t1\n" % s,
    "x.jsonl": lambda s: b'{"sequence":"%s"}\n' % s,
    "x.fasta": lambda s: b">r\n%s\n" % s,
    "wrapped.fasta": lambda s: b">r\n%s\n" % b"\n".join(s[i : i + 80] for i in range(0, len(s), 80)),
    "x.fastq": lambda s: b"@r\n%s\n+\n%s\n" % (s, b"I" * len(s)),
    "x.gb": genbank,
}
"""A record with that sequence, by the name of a file that it may stand in."""


def content(name: str, *sequences: bytes) -> bytes:
    header = {"csv": b"sequence,n\n", "tsv": b"sequence\tn\n"}.get(name.rpartition(".")[2], b"")
    return header + b"".join(map(ONE_RECORD[name], sequences))


def sizes(path: Path, bounds: Bounds = SMALL) -> list[int]:
    """How long the sequences are."""
    found: list[int] = []
    for piece in read_sequences(path, bounds=bounds):
        column = piece.column("sequence", pa.string(), what="it", parse_json=False) if piece.numbers else []
        found += [len(str(value).strip()) for value in column]
    return found


def test_the_longest_human_chromosome_can_be_read_from_lines_as_short_as_any() -> None:
    in_lines_of_50 = LONGEST_CHROMOSOME // 50
    assert BOUNDS.record_bytes >= LONGEST_CHROMOSOME + 2 * in_lines_of_50
    assert BOUNDS.record_parts >= 2 * in_lines_of_50


@pytest.mark.parametrize("name", ONE_RECORD)
@pytest.mark.parametrize("packing", PACKERS)
def test_a_record_longer_than_may_be_is_refused_with_its_place_before_it_has_been_read(
    tmp_path: Path, name: str, packing: str
) -> None:
    path = tmp_path / (name + packing)
    whole = content(name, b"ACGT", b"A" * (8 << 20))
    path.write_bytes(PACKERS[packing](whole))
    tracemalloc.start()
    try:
        with pytest.raises(SchemaError) as told:
            sizes(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    place = (
        "record 2"
        if name.rpartition(".")[2] in ("fasta", "fastq", "gb")
        else f"line {1 + whole.count(b'\n', 0, 30)}"
    )
    assert f"{path}, {place}: what begins there has more than 524,288 bytes" in told.value.message
    assert told.value.mend
    assert peak < 4 << 20, "half of what the record has"


@pytest.mark.parametrize("name", ONE_RECORD)
def test_a_record_as_long_as_may_be_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content(name, b"A" * 5000, b"C" * 400_000, b"G" * 5000))
    longest = len(content(name, b"C" * 400_000))
    bounds = Bounds(longest, longest, longest)
    assert sizes(path, bounds) == [5000, 400_000, 5000]


@pytest.mark.parametrize(
    ("name", "whole", "what"),
    [
        ("x.csv", b"sequence,n\n" + b"ab," * 200_000, "cells"),
        ("x.jsonl", b'{"a":[' + b"{}," * 200_000 + b"0]}\n", "values"),
        ("x.jsonl", b'{"a":[' + b"[[]]," * 200_000 + b"0]}\n", "values"),
        ("x.fasta", b">r\n" + b"AC\n" * 200_000, "lines"),
    ],
)
def test_a_record_of_too_many_parts_is_refused_however_short_they_are(
    tmp_path: Path, name: str, whole: bytes, what: str
) -> None:
    path = tmp_path / name
    path.write_bytes(whole)
    bounds = Bounds(record_parts=1 << 14)
    with pytest.raises(SchemaError, match=re.escape(f"has more than 16,384 {what}")):
        list(read_sequences(path, bounds=bounds))


@pytest.mark.parametrize("name", ONE_RECORD)
def test_long_rows_come_in_pieces_of_bounded_bytes_that_count_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content(name, *[b"A" * 20_000] * 100))
    pieces = [list(piece.numbers) for piece in read_sequences(path, bounds=SMALL)]
    assert len(pieces) >= 5
    assert max(map(len, pieces)) <= 30
    numbers = [number for piece in pieces for number in piece]
    assert len(numbers) == 100
    assert numbers == sorted(set(numbers))
    assert sizes(path) == [20_000] * 100


@pytest.mark.parametrize("before", [b"", b"AC,1\n"])
def test_a_text_that_is_not_all_ascii_may_have_a_quarter_as_it_takes_more(
    tmp_path: Path, before: bytes
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"sequence,n\n" + before + "é".encode() + b"A" * (SMALL.record_bytes - 1000) + b",1\n")
    with pytest.raises(SchemaError, match="more than 131,072 bytes of a text that is not all ASCII"):
        sizes(path)
    path.write_bytes(b"sequence,n\n" + "é,2\n".encode() * 9 + b"A" * (SMALL.record_bytes - 1000) + b",1\n")
    assert max(sizes(path)) == SMALL.record_bytes - 1000


def test_long_names_count_as_much_as_long_sequences(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_bytes(b"".join(b">%s\nA\n" % (b"n" * 20_000) for _ in range(100)))
    assert len(list(read_sequences(path, bounds=SMALL))) >= 5


def test_a_quote_that_is_never_closed_does_not_make_one_cell_of_a_great_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'sequence,n\nAC,1\n"GT,2\n' + b"ACGT,3\n" * 500_000)
    with pytest.raises(SchemaError, match=r"x\.csv, line 3: what begins there has more than") as told:
        list(read_sequences(path, bounds=SMALL))
    assert "quote is closed" in (told.value.mend or "")
