"""Copying, rewriting and merging the base from the command line; each rewrite keeps a copy and its reason."""

import re

import pytest

from dnadesign.usr import Dataset, compute_id
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


def last_event(dataset: Dataset) -> tuple[str, dict]:
    event = list(dataset.events())[-1]
    return event.action, dict(event.maintenance)


def test_a_snapshot_is_a_copy_of_the_base_that_pruning_leaves_alone(filled: Dataset, program: Usr) -> None:
    path = program.run("snapshot", DATASET, "-f", "json").json["path"]
    assert (filled.dir / path).read_bytes() == filled.records_path.read_bytes()
    program.run("materialize", DATASET, "--reason", "test")
    told = program.run("maintenance", "snapshot-prune", DATASET, "--keep", "0", "--reason", "test")
    assert "deleted 1 copy" in told.err
    assert [copy.name for copy in (filled.dir / "_snapshots").iterdir()] == [path.rpartition("/")[2]]


def test_materialize_puts_the_overlays_into_the_base(filled: Dataset, program: Usr) -> None:
    before = program.run("head", DATASET, "-f", "json").json
    told = program.run("materialize", DATASET, "--overlays", "archive", "--reason", "release")
    assert "the base has 6 columns of score now, 3 rows" in told.err
    assert program.run("info", DATASET, "-f", "json").json["overlays"] == []
    assert program.run("head", DATASET, "-f", "json").json == before
    assert {event.action for event in filled.events() if event.maintenance} == {
        "snapshot",
        "materialize",
        "archive_overlay",
    }
    assert last_event(filled)[1] == {"reason": "release"}
    assert "nothing to materialize" in program.run("materialize", DATASET, "--reason", "again").err


def test_materialize_removes_deleted_records_for_good_only_if_told_to(filled: Dataset, program: Usr) -> None:
    key = filled.head(1).column("id")[0].as_py()
    program.run("delete", DATASET, key)
    told = program.run("materialize", DATASET, "--drop-deleted", "--reason", "test")
    assert "1 deleted records removed" in told.err
    assert "not there" in program.run("get", DATASET, key, "--include-deleted", status=4).err


def test_dedupe_shows_what_it_would_remove_and_removes_it(dataset: Dataset, program: Usr) -> None:
    dataset.add_sequences(["ACGT", "acgt", "TTTT"], bio_type="dna", alphabet="dna_4")
    words = ["maintenance", "dedupe", DATASET, "--key", "sequence_ci"]
    dry = program.run(*words, "--dry-run")
    assert "1 of 3 records would be removed" in dry.err
    kept, removed = compute_id("dna", "ACGT"), compute_id("dna", "acgt")
    heads, cells = dry.out.splitlines()  # no rule between them: it goes to no terminal
    assert heads.split("  ")[0] == "sequence"
    assert {"kept id", "kept row", "removed ids", "removed rows"} <= set(re.split(r" {2,}", heads.strip()))
    assert cells.split() == ["ACGT", kept[:8], "0", removed[:8], "1"]
    assert removed in program.run("get", DATASET, cells.split()[3]).out  # what is shown names the record
    assert "--dry-run" in program.run(*words, status=2).err
    assert dataset.info().rows == 3
    assert program.run(*words, "--reason", "case", "-f", "json").json["rows_removed"] == 1
    assert last_event(dataset) == ("dedupe", {"reason": "case"})


@pytest.fixture
def other(filled: Dataset) -> Dataset:
    made = Dataset(filled.root, "lab/other").init()
    made.add_sequences(["TTTTTT", "GGGGCCCC"], bio_type="dna", alphabet="dna_4")
    return made


def test_merge_takes_in_another_dataset_named_by_id_or_path(
    filled: Dataset, other: Dataset, program: Usr
) -> None:
    words = ["maintenance", "merge", DATASET, str(other.dir)]
    assert "skip" in program.run(*words, "--reason", "test", status=3).err
    dry = program.run(*words, "--on-duplicate", "skip", "--dry-run")
    assert "1 of 2 records of lab/other would be added, 1 there before" in dry.err
    assert filled.info().rows == 3
    program.run(
        "maintenance", "merge", DATASET, "lab/other", "--on-duplicate", "skip", "--reason", "one library"
    )
    assert filled.info().rows == 4
    assert last_event(filled) == ("merge", {"reason": "one library"})
    assert program.run("validate", DATASET).status == 0


def test_merge_into_the_dataset_of_the_folder_needs_only_the_other(
    filled: Dataset, other: Dataset, program: Usr
) -> None:
    there = Usr(filled.dir, program.root)
    result = there.run("maintenance", "merge", "lab/other", "--columns", "none", "--on-duplicate", "skip",
                       "--reason", "test", "-f", "json").json  # fmt: skip
    assert result["rows_added"] == 1
    assert "expected [DATASET] OTHER" in there.run("maintenance", "merge", "a", "b", "c", status=2).err


def test_artifacts_that_no_row_refers_to_are_listed_and_removed(filled: Dataset, program: Usr) -> None:
    assert program.run("maintenance", "artifacts-prune", DATASET, "--dry-run", "-f", "json").json == []
    assert "needs a reason" in program.run("maintenance", "artifacts-prune", DATASET, status=2).err
    told = program.run("maintenance", "artifacts-prune", DATASET, "--reason", "test")
    assert "removed 0 files" in told.err
