"""Files that are not what they should be: what they are is said in the file's own words, and the way on works."""

import bz2
import gzip
import lzma
import re
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


@pytest.mark.parametrize(
    ("header", "given"),
    [
        ("sequence,source", ["seqence"]),
        ("sequence,source", ["sequence,sorce"]),
        ("sequence,source", ["seqence=sequence"]),
        ("sequence,source", ["seqence=sequence,sorce=source"]),
        ("Seq,source", ["Seq"]),
        ("Seq,source", ["sequence,source"]),
        ("Seq,source", ["sequence", "source"]),
        ("Seq,source", ["Seq=seqence"]),
        ("Seq,source", ["Seq=sequence,where=source"]),
        ("Seq,source", []),
        ("Seq,from", ["Seq=sequence,form=source"]),
        ("name,bases", ["bases=seq"]),
    ],
)
def test_advice_about_columns_leads_to_an_import(
    header: str, given: list[str], dataset: Dataset, program: Usr
) -> None:
    first, second = ("x", "ACGT") if header.startswith("name") else ("ACGT", "x")
    (program.folder / "a.csv").write_text(f"{header}\n{first},{second}\n")
    words = ["import", DATASET, "a.csv", "--alphabet", "dna_4"]
    options = [word for columns in given for word in ("--columns", columns)]
    for _ in range(3):  # a mend for each of several slips
        said = program.run(*words, *options, status=3).err
        better = re.search(r"mend: say which column is which: (--columns \S+)", said)
        assert better, said
        assert shlex.split(better.group(1)) != options
        options = shlex.split(better.group(1))
        status = 3 if "sorce" in options[1] or "form=" in options[1] else 0
        program.run(*words, *options, status=status)
        if not status:
            break
    assert dataset.to_arrow(["sequence"]).column("sequence").to_pylist() == ["ACGT"]


def test_a_refused_row_is_told_by_what_the_file_calls_its_column(dataset: Dataset, program: Usr) -> None:
    (program.folder / "a.csv").write_text("Seq,kind\nACGT,dna_4\nAXGT,dna_4\nAC,dna_9\n,dna_4\n")
    columns = ("--columns", "Seq=sequence,kind=alphabet")
    for words, option in (((), ()), ((), ("--dry-run",))):
        told = program.run(
            "import",
            DATASET,
            "a.csv",
            "--bio-type",
            "dna",
            *columns,
            *words,
            *option,
            status=1 if option else 3,
        )
        said = told.out + told.err
        for place in ("line 3, column 'Seq'", "line 4, column 'kind'", "line 5, column 'Seq'"):
            assert place in said
        assert "column 'sequence'" not in said


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (pa.array([1, 2]), "sequence"),
        (pa.array([1]), "sequence"),
        (pa.array([1.5, 2.5]), "source"),
        (pa.array(["x", "y"]), "length"),
        (pa.array([2**40, 1]), "length"),
    ],
)
def test_a_column_of_the_base_is_never_to_be_registered(
    column: pa.Array, name: str, dataset: Dataset, program: Usr
) -> None:
    rows = {"sequence": ["ACGT", "CC"][: len(column)]} | {name: column}
    pq.write_table(pa.table(rows), program.folder / "a.parquet")
    said = program.run("import", DATASET, "a.parquet", "--alphabet", "dna_4", status=3).err
    assert f"column {name!r}" in said
    assert "regist" not in said
    assert said.count("a.parquet") == 1


@pytest.mark.parametrize("rows", [1, 2])
def test_a_column_of_the_wrong_type_is_told_once_and_not_as_a_row(
    rows: int, dataset: Dataset, program: Usr
) -> None:
    program.run("namespace", "register", "assay", "--columns", "assay__od:int64")
    pq.write_table(
        pa.table({"id": ["0" * 40] * rows, "assay__od": ["1"] * rows}), program.folder / "a.parquet"
    )
    said = program.run("attach", DATASET, "a.parquet", "--namespace", "assay", status=3).err
    assert said.splitlines()[0] == "error: a.parquet, column 'assay__od': expected int64, found string"


@pytest.mark.parametrize(("value", "shown"), [("5", "5"), ("true", "true"), ('["A"]', '["A"]')])
def test_a_value_that_is_no_sequence_is_told_as_it_stands(
    value: str, shown: str, dataset: Dataset, program: Usr
) -> None:
    (program.folder / "a.jsonl").write_text(f'{{"sequence": {value}}}\n')
    said = program.run("import", DATASET, "a.jsonl", "--alphabet", "dna_4", status=3).err
    assert said.splitlines() == [
        f"error: a.jsonl, line 1, column 'sequence': {shown} is not a string",
        "mend: give its value, or leave the row out",
    ]


@pytest.mark.parametrize("name", ["g.fa", "g.csv", "g.jsonl", "g.fastq"])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b">a\nACGT\n"), "compressed with gzip"),
        (bz2.compress(b">a\nACGT\n"), "compressed with bzip2"),
        (lzma.compress(b">a\nACGT\n"), "compressed with xz"),
        (bytes(pa.compress(b">a\nACGT\n", "zstd", asbytes=True)), "compressed with zstd"),
        (b"PK\x03\x04" + bytes(40), "a zip archive or a spreadsheet"),
        ("sequence\nACGT\n".encode("utf-16"), "text in UTF-16"),
    ],
)
def test_a_file_that_is_no_text_is_told_as_what_it_is(
    name: str, data: bytes, told: str, dataset: Dataset, program: Usr
) -> None:
    (program.folder / name).write_bytes(data)
    said = program.run("import", DATASET, name, "--alphabet", "dna_4", status=3).err
    assert f"{name}: is {told}, and no text" in said
    if told.endswith(("gzip", "zstd")) and name == "g.fa":
        better = said.rpartition(": ")[2].strip()
        (program.folder / name).rename(program.folder / better)
        program.run("import", DATASET, better, "--alphabet", "dna_4")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", [1, 40_000])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_text_that_is_not_utf8_is_told_with_its_line(
    end: str, before: int, ending: str, dataset: Dataset, program: Usr
) -> None:
    text = f"sequence,source{end}" + f"ACGT,\u00e9t\u00e9{end}" * before
    data = text.encode() + b"AC,caf\xe9" + end.encode()
    (program.folder / f"a.csv{ending}").write_bytes(gzip.compress(data) if ending else data)
    said = program.run("import", DATASET, f"a.csv{ending}", "--alphabet", "dna_4", status=3).err
    assert f"a.csv{ending}, line {before + 2}: not UTF-8" in said


def test_a_folder_is_told_as_one_and_what_is_not_there_as_that(
    dataset: Dataset, program: Usr, tmp_path: Path
) -> None:
    program.run("namespace", "register", "assay", "--columns", "assay__od:int64")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.parquet").mkdir()
    for more in (("import", "--alphabet", "dna_4"), ("attach", "--namespace", "assay")):
        for name in ("folder", "folder.csv", "folder.parquet", "nope"):
            status = 4 if name == "nope" else 1
            said = program.run(more[0], DATASET, name, *more[1:], status=status).err
            assert f"{name}: {'no such file' if name == 'nope' else 'is a folder'}" in said
