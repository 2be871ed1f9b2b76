"""What a person is told about records that are in a dataset, but deleted."""

import pytest

from dnadesign.usr import Dataset, DuplicateIDError, MissingKeyError
from tests.usr.cli.conftest import SEQUENCES
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

DATASET = "lab/promoters"


@pytest.fixture
def gone(filled: Dataset, program: Usr) -> str:
    """A record that is deleted, whose sequence stands in again.csv together with one that is not."""
    ids: list[str] = filled.to_arrow(["id"]).column("id").to_pylist()
    filled.tombstone(ids[1])
    (program.folder / "again.csv").write_text(f"sequence\n{SEQUENCES[1]}\n{SEQUENCES[2]}\nAAAA\n")
    return ids[1]


def test_importing_a_deleted_sequence_says_that_it_is_there_and_deleted(gone: str, program: Usr) -> None:
    words = ("import", DATASET, "again.csv", "--alphabet", "dna_4")
    refused = program.run(*words, status=3).err
    assert f"line 2 ({gone}, deleted)" in refused
    assert "usr restore" in refused
    assert "--on-conflict ignore" in refused
    assert "on_conflict=" not in refused
    dry = program.run(*words, "--dry-run", "-f", "json", status=1).json
    assert [d["deleted"] for d in dry["duplicates"]] == [True, False]
    told = program.run(*words, "--on-conflict", "ignore")
    assert told.out.splitlines()[1].split() == [gone, "deleted", "2"]
    assert "1 of the skipped is in the dataset, deleted: usr restore brings it back" in told.err


def test_adding_a_deleted_sequence_says_so_in_python(gone: str, filled: Dataset) -> None:
    with pytest.raises(DuplicateIDError) as refused:
        add(filled, SEQUENCES[1])
    assert f"({gone}, deleted)" in refused.value.message
    assert "bring the deleted ones back with restore" in str(refused.value)
    assert "on_conflict='ignore'" in str(refused.value)


def test_deleted_in_the_same_dataset_after_materializing_is_still_known(gone: str, filled: Dataset) -> None:
    filled.materialize(maintenance=True)
    filled.restore(gone)
    with pytest.raises(DuplicateIDError) as refused:
        add(filled, SEQUENCES[1])
    assert "deleted" not in str(refused.value)


def test_get_tells_deleted_records_from_unknown_ones(gone: str, filled: Dataset, program: Usr) -> None:
    stranger = "0" * 40
    told = program.run("get", DATASET, gone, status=4).err
    assert f"1 of 1 id is of deleted records: {gone}" in told
    assert "pass --include-deleted" in told
    assert "usr restore" in told
    both = program.run("get", DATASET, gone, stranger, status=4).err
    assert f"1 of 2 ids is not there: {stranger}; 1 of 2 ids is of deleted records: {gone}" in both
    with pytest.raises(MissingKeyError, match="include_deleted=True"):
        filled.get(gone)
    with pytest.raises(MissingKeyError, match="not there") as unknown:
        filled.get(stranger)
    assert "of deleted records" not in str(unknown.value)


def test_attaching_to_deleted_records_says_how_many(gone: str, filled: Dataset, program: Usr) -> None:
    ids = filled.to_arrow(["id"]).column("id").to_pylist()
    (program.folder / "n.csv").write_text(f"id,score__n\n{gone},1\n{ids[0]},2\n")
    filled.remove_overlay("score", maintenance=True)
    told = program.run("attach", DATASET, "n.csv", "--namespace", "score")
    assert "attached 2 rows to score (score__n), 1 of them to deleted records" in told.err
