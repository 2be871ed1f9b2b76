"""Files that are not what they should be: what they are is said in the file's own words, and the way on works."""

import re
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

DATASET = "lab/promoters"


SLIPS = [
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
    ("bases,name", ["bases=seq"]),
]


def test_advice_about_columns_leads_to_an_import(dataset: Dataset, program: Usr) -> None:
    for header, given in SLIPS:
        (program.folder / "a.csv").write_text(f"{header}\nACGT,x\n")
        words = ["import", DATASET, "a.csv", "--alphabet", "dna_4", "--dry-run"]
        options = [word for columns in given for word in ("--columns", columns)]
        for _ in range(
            1 + (given == ["seqence=sequence,sorce=source"])
        ):  # advice about one slip after the other
            said = program.run(*words, *options, status=3).err
            better = re.search(r"mend: say which column is which: (--columns \S+)", said)
            assert better, (header, given, said)
            options = shlex.split(better.group(1))
        assert "1 accepted" in program.run(*words, *options).err


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


def test_a_column_of_the_base_is_never_to_be_registered(dataset: Dataset, program: Usr) -> None:
    for column, name in (
        (pa.array([1, 2]), "sequence"),
        (pa.array([1]), "sequence"),
        (pa.array([1.5, 2.5]), "source"),
        (pa.array(["x", "y"]), "length"),
        (pa.array([2**40, 1]), "length"),
    ):
        rows = {"sequence": ["ACGT", "CC"][: len(column)]} | {name: column}
        pq.write_table(pa.table(rows), program.folder / "a.parquet")
        said = program.run("import", DATASET, "a.parquet", "--alphabet", "dna_4", status=3).err
        assert f"column {name!r}" in said
        assert "regist" not in said
        assert said.count("a.parquet") == 1


def test_a_column_of_the_wrong_type_is_told_once_and_not_as_a_row(dataset: Dataset, program: Usr) -> None:
    program.run("namespace", "register", "assay", "--columns", "assay__od:int64")
    for rows in (1, 2):
        table = pa.table({"id": ["0" * 40] * rows, "assay__od": ["1"] * rows})
        pq.write_table(table, program.folder / "a.parquet")
        said = program.run("attach", DATASET, "a.parquet", "--namespace", "assay", status=3).err
        assert said.splitlines()[0] == "error: a.parquet, column 'assay__od': expected int64, found string"


def test_a_value_that_is_no_sequence_is_told_as_it_stands(dataset: Dataset, program: Usr) -> None:
    for value in ("5", "true", '["A"]'):
        (program.folder / "a.jsonl").write_text(f'{{"sequence": {value}}}\n')
        said = program.run("import", DATASET, "a.jsonl", "--alphabet", "dna_4", status=3).err
        assert said.splitlines() == [
            f"error: a.jsonl, line 1, column 'sequence': {value} is not a string",
            "mend: give its value, or leave the row out",
        ]


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


def test_a_file_without_rows_is_noted_by_all_that_take_one(dataset: Dataset, program: Usr) -> None:
    program.run("namespace", "register", "assay", "--columns", "assay__od:int64")
    (program.folder / "a.csv").write_text("sequence,assay__od\n")
    attach = ("attach", DATASET, "a.csv", "--namespace", "assay", "--key", "sequence")
    load = ("import", DATASET, "a.csv", "--alphabet", "dna_4", "--columns", "sequence")
    for words in (attach, load):
        for more in ((), ("--dry-run",)):
            assert "note: the file has no rows" in program.run(*words, *more).err
    (program.folder / "a.csv").write_text("sequence,assay__od\nACGT,1\n")
    assert "note" not in program.run(*attach, "--allow-missing").err


def test_one_is_not_told_as_several(dataset: Dataset, program: Usr) -> None:
    (key,) = add(dataset, "ACGT")
    assert "1 stayed as it was" in program.run("restore", DATASET, key).err
    program.run("delete", DATASET, key)
    (program.folder / "a.csv").write_text("sequence\nACGT\n")
    words = ("import", DATASET, "a.csv", "--alphabet", "dna_4", "--on-conflict", "ignore")
    assert "1 of the skipped is in the dataset" in program.run(*words).err
    add(dataset, "GG", "gg")
    program.run("maintenance", "dedupe", DATASET, "--key", "sequence_ci", "--reason", "x")
    told = program.run("maintenance", "snapshot-prune", DATASET, "--keep", "1", "--reason", "x").err
    assert "deleted 0 copies (0 B), 1 stays" in told


def test_a_dataset_has_one_size(filled: Dataset, program: Usr) -> None:
    (listed,) = program.run("ls").out.splitlines()[1:]
    (size,) = (line for line in program.run("info", DATASET).out.splitlines() if line.startswith("size "))
    assert f" {size.split(maxsplit=1)[1]} " in listed
