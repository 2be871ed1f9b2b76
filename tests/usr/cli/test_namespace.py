"""Registering, showing and comparing namespaces."""

from pathlib import Path

from dnadesign.usr import Dataset, load_registry
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


def test_a_namespace_is_registered_shown_and_listed(program: Usr) -> None:
    spec = "more__a:int64,more__b:struct<x:list<string>,y:timestamp[us, UTC]>"
    told = program.run("namespace", "register", "more", "--columns", spec, "--owner", "me")
    assert "registered more" in told.err
    assert "+ more__a int64" in told.err
    shown = program.run("namespace", "show", "more", "-f", "json").json
    assert shown["owner"] == "me"
    assert shown["columns"][1] == {"column": "more__b", "type": "struct<x:list<string>,y:timestamp[us, UTC]>"}
    assert "nothing changed" in program.run("namespace", "register", "more", "--columns", spec).err
    listed = program.run("namespace", "list", "-f", "json").json
    assert [row["namespace"] for row in listed] == ["more", "score", "usr_state"]


def test_coverage_counts_the_records_without_a_row_and_names_them_if_asked(
    filled: Dataset, program: Usr
) -> None:
    program.run("namespace", "register", "more", "--columns", "more__a:int64")
    ids = filled.to_arrow(["id"]).column("id").to_pylist()
    shown = program.run("namespace", "coverage", DATASET)
    assert [line.split() for line in shown.out.splitlines()] == [
        ["namespace", "rows", "covered", "missing"],
        ["more", "3", "0", "3"],
        ["score", "3", "2", "1"],
    ]
    (named,) = program.run(
        "namespace", "coverage", DATASET, "--namespaces", "score", "-n", "9", "-f", "json"
    ).json
    assert named == {"namespace": "score", "rows": 3, "covered": 2, "missing": 1, "missing_ids": [ids[2]]}
    program.run("delete", DATASET, ids[2])
    (left,) = program.run("namespace", "coverage", DATASET, "--namespaces", "score", "-f", "json").json
    assert left == {"namespace": "score", "rows": 2, "covered": 2, "missing": 0, "missing_ids": []}
    told = program.run("namespace", "coverage", DATASET, "--namespaces", "scor", status=4).err
    assert "did you mean 'score'?" in told


def test_a_wrong_column_spec_is_refused_with_its_position(program: Usr) -> None:
    told = program.run("namespace", "register", "more", "--columns", "more__a:list<", status=3).err
    assert told.startswith("error: ")
    assert "list<" in told


def test_overwriting_says_first_which_overlays_it_breaks(filled: Dataset, program: Usr, root: Path) -> None:
    spec = ["--columns", "score__x:int64"]
    assert "--overwrite" in program.run("namespace", "register", "score", *spec, status=3).err
    before = load_registry(root)
    breaks = f"breaks {DATASET}, namespace score: 1 file with score__x"
    dry = program.run("namespace", "register", "score", *spec, "--dry-run")
    assert breaks in dry.err
    assert "type_changed" in dry.out
    assert load_registry(root) == before
    told = program.run("namespace", "register", "score", *spec, "--overwrite").err
    assert told.index(breaks) < told.index("registered score")


def test_diff_holds_the_registry_of_now_against_the_frozen_one(
    filled: Dataset, program: Usr, root: Path
) -> None:
    assert "registry-freeze" in program.run("namespace", "diff", DATASET, status=3).err
    program.run("maintenance", "registry-freeze", DATASET, "--reason", "test")
    assert program.run("namespace", "diff", DATASET).err == "no difference\n"
    program.run("namespace", "register", "score", "--columns", "score__x:int64", "--overwrite")
    result = program.run("namespace", "diff", DATASET, "-f", "json").json
    change = next(c for c in result["changes"] if c["column"] == "score__x")
    assert (change["before"], change["after"]) == ("float64", "int64")
    assert result["broken"][0]["dataset"] == DATASET
    back = program.run("namespace", "diff", DATASET, "--from", "current", "--to", result["before"][:8])
    assert "score__x" in back.out
    assert "is no snapshot" in program.run("namespace", "diff", DATASET, "--to", "12345678", status=3).err
