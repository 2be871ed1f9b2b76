"""Columns that are named on a command line: none is dropped without a word, and what is advised can be done."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from dnadesign import usr
from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

DATASET = "lab/promoters"


@pytest.fixture
def ids(dataset: Dataset, program: Usr) -> tuple[str, ...]:
    program.run("namespace", "register", "assay", "--columns", "assay__gfp:int64,assay__od:int64")
    return add(dataset, "ACGT", "CCCC")


TOLD = {
    "gfp=assay__gfp,gfp=assay__od": "'gfp' is to become two columns",
    "gfp=assay__gfp,gfp=assay__gfp": "'gfp' is to become two columns",
    "assay__od,assay__od": "'assay__od' is to become two columns",
    "gfp=assay__gfp,od=assay__gfp": "'gfp' and 'od' are both to become 'assay__gfp'",
    "gfp=": "'gfp=' lacks a name",
    "=assay__gfp": "'=assay__gfp' lacks a name",
}


def test_attach_refuses_columns_of_which_it_would_drop_one(
    ids: tuple[str, ...], dataset: Dataset, program: Usr
) -> None:
    (program.folder / "a.csv").write_text(f"id,gfp,od,assay__od\n{ids[0]},1,2,3\n")
    before = dataset.events_path.read_bytes()
    words = ("attach", DATASET, "a.csv", "--namespace", "assay")
    for columns, told in TOLD.items():
        for given in ([columns], columns.split(",")):
            options = [word for one in given for word in ("--columns", one)]
            said = program.run(*words, *options, status=3 if "both" in told else 2).err
            assert told in said
            assert "\nmend: " in said
    assert dataset.events_path.read_bytes() == before


def test_import_refuses_two_columns_for_one(dataset: Dataset, program: Usr) -> None:
    (program.folder / "a.csv").write_text("a,b,sequence\nAC,GT,TT\n")
    words = ("import", DATASET, "a.csv", "--alphabet", "dna_4", "--dry-run")
    for columns in ("a=sequence,b=sequence", "sequence,a=sequence", "a=sequence,a=sequence"):
        said = program.run(*words, "--columns", columns, status=2).err
        assert "'sequence' is to be taken from two columns" in said


CHOOSING = [
    name
    for name, method in inspect.getmembers(Dataset, inspect.isfunction)
    if "columns" in inspect.signature(method).parameters and name != "import_file"  # which takes a mapping
]


def test_no_method_takes_a_column_that_is_named_twice(
    ids: tuple[str, ...], dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f"id,assay__od\n{ids[0]},1\n")
    needed: dict[str, Any] = {
        "path": tmp_path / "out.parquet", "ids": ids, "pattern": "AC", "source": tmp_path / "a.csv",
        "data": tmp_path / "a.csv", "namespace": "assay", "other": Dataset(dataset.root, "lab/other").init(),
    }  # fmt: skip
    assert {"scan", "head", "export", "attach", "merge_from"} <= set(CHOOSING)
    for name in CHOOSING:
        method = getattr(dataset, name)
        parameters = inspect.signature(method).parameters
        given = {
            p: needed[p]
            for p in parameters
            if p in needed and parameters[p].default is inspect.Parameter.empty
        }
        given |= {"dry_run": True} if "dry_run" in parameters else {}
        with pytest.raises(usr.ValidationError, match="'assay__od' is given twice"):
            list(method(**given, columns=["assay__od", "assay__od"]))
    assert not (tmp_path / "out.parquet").exists()


def test_export_refuses_a_column_that_is_named_twice(ids: tuple[str, ...], program: Usr) -> None:
    for file in ("a.csv", "a.jsonl", "a.parquet", "a.fa"):
        assert "'id' is given twice" in program.run("export", DATASET, file, "-c", "id,id", status=3).err
        assert not (program.folder / file).exists()


def test_the_key_may_be_named_among_the_columns(ids: tuple[str, ...], dataset: Dataset, program: Usr) -> None:
    (program.folder / "a.csv").write_text(f"id,sequence,assay__od\n{ids[0]},ACGT,1\n{ids[1]},CCCC,2\n")
    attach = ("attach", DATASET, "a.csv", "--namespace", "assay", "--allow-overwrite")
    for more in (
        ("--columns", "assay__od,id"),
        ("--columns", "sequence,assay__od", "--key", "sequence"),
        ("--columns", "assay__od,sequence", "--key", "sequence", "--key-column", "sequence"),
    ):
        assert "attached 2 rows to assay (assay__od)" in program.run(*attach, *more).err
    dataset.attach(program.folder / "a.csv", "assay", columns=["id", "assay__od"], allow_overwrite=True)


def test_a_column_of_the_base_is_not_to_be_registered_but_left_out(
    ids: tuple[str, ...], program: Usr
) -> None:
    (program.folder / "a.csv").write_text(f"id,length,assay__od\n{ids[0]},4,1\n")
    attach = ("attach", DATASET, "a.csv", "--namespace", "assay")
    for more in ((), ("--columns", "length,assay__od")):
        said = program.run(*attach, *more, status=3).err
        assert "column 'length' is one of the base" in said
        assert "register" not in said


def test_what_is_advised_about_a_key_or_column_can_be_typed_and_works(
    ids: tuple[str, ...], program: Usr
) -> None:
    words = ("attach", DATASET, "a.csv", "--namespace", "assay")
    for header, option, better in (
        ("sequence,assay__od", (), ("--key", "sequence")),
        ("sequence,assay__od", ("--key-column", "sequence"), ("--key", "sequence")),
        ("id,assay__od", ("--key", "sequence"), ("--key", "id")),
        ("id,assay__od", ("--key-column", "iid"), ("--key-column", "id")),
        ("id,od", ("--columns", "od"), ("--columns", "od=assay__od")),
    ):
        key = ids[0] if header.startswith("id") else "ACGT"
        (program.folder / "a.csv").write_text(f"{header}\n{key},1\n")
        mend = program.run(*words, *option, status=3).err.partition("mend: ")[2]
        assert " ".join(better) in mend or f"did you mean {better[1]!r}?" in mend
        program.run(*words, *better, "--dry-run")
