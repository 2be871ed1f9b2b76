"""Columns that are named on a command line: none is dropped without a word, and what is advised can be done."""

import inspect
import re
import shlex
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


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("gfp=assay__gfp,gfp=assay__od", "'gfp' is to become two columns"),
        ("gfp=assay__gfp,gfp=assay__gfp", "'gfp' is to become two columns"),
        ("assay__od,assay__od", "'assay__od' is to become two columns"),
        ("gfp=assay__gfp,od=assay__gfp", "'gfp' and 'od' are both to become 'assay__gfp'"),
        ("gfp=", "'gfp=' lacks a name"),
        ("=assay__gfp", "'=assay__gfp' lacks a name"),
    ],
)
def test_attach_refuses_columns_of_which_it_would_drop_one(
    columns: str, told: str, ids: tuple[str, ...], dataset: Dataset, program: Usr
) -> None:
    (program.folder / "a.csv").write_text(f"id,gfp,od,assay__od\n{ids[0]},1,2,3\n")
    before = dataset.events_path.read_bytes()
    for options in (["--columns", columns], [part for c in columns.split(",") for part in ("--columns", c)]):
        status = 3 if "both" in told else 2
        said = program.run("attach", DATASET, "a.csv", "--namespace", "assay", *options, status=status).err
        assert told in said
        assert "\nmend: " in said
    assert dataset.events_path.read_bytes() == before


@pytest.mark.parametrize("columns", ["a=sequence,b=sequence", "sequence,a=sequence", "a=sequence,a=sequence"])
def test_import_refuses_two_columns_for_one(columns: str, dataset: Dataset, program: Usr) -> None:
    (program.folder / "a.csv").write_text("a,b,sequence\nAC,GT,TT\n")
    said = program.run(
        "import", DATASET, "a.csv", "--alphabet", "dna_4", "--columns", columns, "--dry-run", status=2
    )
    assert "'sequence' is to be taken from two columns" in said.err


CHOOSING = [
    name
    for name, method in inspect.getmembers(Dataset, inspect.isfunction)
    if "columns" in inspect.signature(method).parameters and name != "import_file"  # which takes a mapping
]


@pytest.mark.parametrize("name", CHOOSING)
def test_no_method_takes_a_column_that_is_named_twice(
    name: str, ids: tuple[str, ...], dataset: Dataset, tmp_path: Path
) -> None:
    method = getattr(dataset, name)
    parameters = inspect.signature(method).parameters
    (tmp_path / "a.csv").write_text(f"id,assay__od\n{ids[0]},1\n")
    other = Dataset(dataset.root, "lab/other").init()
    needed: dict[str, Any] = {
        "path": tmp_path / "out.parquet", "ids": ids, "pattern": "AC", "source": tmp_path / "a.csv",
        "data": tmp_path / "a.csv", "namespace": "assay", "other": other,
    }  # fmt: skip
    given = {p.name: needed[p.name] for p in parameters.values() if p.default is p.empty and p.name in needed}
    given |= {"dry_run": True} if "dry_run" in parameters else {}
    with pytest.raises(usr.ValidationError, match="'assay__od' is given twice"):
        list(method(**given, columns=["assay__od", "assay__od"]))
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("file", ["a.csv", "a.jsonl", "a.parquet", "a.fa"])
def test_export_refuses_a_column_that_is_named_twice(file: str, ids: tuple[str, ...], program: Usr) -> None:
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


@pytest.mark.parametrize(
    ("command", "header", "options"),
    [
        ("attach", "sequence,assay__od", ()),
        ("attach", "sequence,assay__od", ("--key-column", "sequence")),
        ("attach", "id,assay__od", ("--key", "sequence")),
        ("attach", "id,assay__od", ("--key-column", "iid")),
        ("attach", "id,od", ("--columns", "od")),
    ],
)
def test_what_is_advised_about_a_key_or_column_can_be_typed_and_works(
    command: str, header: str, options: tuple[str, ...], ids: tuple[str, ...], program: Usr
) -> None:
    key = ids[0] if header.startswith("id") else "ACGT"
    (program.folder / "a.csv").write_text(f"{header}\n{key},1\n")
    words = (command, DATASET, "a.csv", "--namespace", "assay")
    mend = program.run(*words, *options, status=3).err.partition("mend: ")[2]
    advised = re.search(r"--[a-z-]+ [^ ,]+", mend)
    if advised:
        better = shlex.split(advised.group())
        left = [] if options[:1] == (better[0],) else [*options]
        left = left if better[0] != "--key" else [o for o in left if o != "--key"]
    else:
        meant = re.search(r"did you mean '(.+)'\?", mend)
        assert meant, mend
        better, left = [options[0], meant.group(1)], []
    program.run(*words, *left, *better)
