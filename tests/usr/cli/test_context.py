"""Which root and which dataset is meant: by words, by the environment, by the current folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr


@pytest.fixture
def nowhere(program: Usr) -> Usr:
    """The program without USR_ROOT, outside of any root."""
    return replace(program, root=None)


def dataset_of(program: Usr, *words: str | Path) -> str:
    return program.run("info", *words, "--format", "json").json["dataset"]


def test_the_root_may_stand_before_or_behind_the_command(dataset: Dataset, nowhere: Usr, root: Path) -> None:
    assert nowhere.run("--root", root, "ls", "-f", "json").json[0]["dataset"] == "lab/promoters"
    assert nowhere.run("ls", "--root", root, "-f", "json").json[0]["dataset"] == "lab/promoters"


def test_the_root_given_in_words_goes_before_the_environment(
    dataset: Dataset, program: Usr, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert program.run("ls", "--root", tmp_path / "empty", "-f", "json").json == []


@pytest.mark.parametrize("inside", ["lab/promoters", "lab/promoters/_derived/score", "lab/promoters/.usr"])
def test_inside_a_dataset_it_need_not_be_named(
    inside: str, filled: Dataset, nowhere: Usr, root: Path
) -> None:
    (root / inside).mkdir(exist_ok=True)
    there = replace(nowhere, folder=root / inside)
    assert dataset_of(there) == "lab/promoters"
    assert there.run("head", "-n", "1", "-c", "length", "-f", "csv").out == "length\n40\n"
    key = filled.head(1).column("id")[0].as_py()
    assert there.run("get", key, "-c", "id", "-f", "csv").out == f"id\n{key}\n"


@pytest.mark.parametrize("inside", [".", "lab", "lab/promoters"])
def test_inside_a_root_it_need_not_be_named(inside: str, dataset: Dataset, nowhere: Usr, root: Path) -> None:
    assert dataset_of(replace(nowhere, folder=root / inside), "lab/promoters") == "lab/promoters"


def test_a_dataset_may_be_named_by_the_path_of_its_folder(dataset: Dataset, nowhere: Usr, root: Path) -> None:
    assert dataset_of(nowhere, dataset.dir) == "lab/promoters"
    assert dataset_of(nowhere, "root/lab/promoters") == "lab/promoters"
    assert dataset_of(nowhere, "./root/lab/promoters/") == "lab/promoters"
    assert dataset_of(replace(nowhere, folder=root / "lab"), "promoters/") == "lab/promoters"
    assert dataset_of(replace(nowhere, folder=root / "lab"), "promoters") == "lab/promoters"
    assert dataset_of(replace(nowhere, folder=dataset.dir), ".") == "lab/promoters"


def test_an_id_goes_before_a_path_that_reads_the_same(dataset: Dataset, program: Usr, tmp_path: Path) -> None:
    Dataset(tmp_path / "other", "lab/promoters").init(source="other")
    there = replace(program, folder=tmp_path / "other")
    assert there.run("info", "lab/promoters", "-f", "json").json["path"] == str(dataset.dir)


def test_a_path_goes_before_the_environment_but_must_lie_under_the_root_that_is_given(
    dataset: Dataset, program: Usr, tmp_path: Path, root: Path
) -> None:
    other = Dataset(tmp_path / "other", "one").init()
    assert dataset_of(program, other.dir) == "one"
    assert "not under the root" in program.run("info", other.dir, "--root", root, status=2).err


def test_without_a_root_the_user_is_told_how_to_name_one(nowhere: Usr) -> None:
    for words in (["ls"], ["head", "promoters"], ["namespace", "list"], ["init", "promoters"]):
        assert "--root DIR" in nowhere.run(*words, status=2).err


def test_outside_of_a_dataset_one_must_be_named(program: Usr, dataset: Dataset) -> None:
    assert "which dataset?" in program.run("head", status=2).err
    assert "no dataset there" in program.run("head", ".", status=4).err


def test_a_root_that_is_not_there_is_not_found_but_made_by_init_and_register(
    nowhere: Usr, tmp_path: Path
) -> None:
    assert "no such folder" in nowhere.run("ls", "--root", "new", status=4).err
    nowhere.run("init", "one", "--root", "new")
    nowhere.run("namespace", "register", "ns", "--columns", "ns__a:int64", "--root", "newer")
    assert dataset_of(nowhere, tmp_path / "new" / "one") == "one"
    assert "ns" in nowhere.run("namespace", "list", "--root", "newer").out


def test_a_registry_far_above_is_not_taken_for_the_root_of_an_unrelated_folder(
    nowhere: Usr, root: Path, dataset: Dataset
) -> None:
    deep = root / "notes" / "2026" / "november"
    deep.mkdir(parents=True)
    assert "no root is given" in replace(nowhere, folder=deep).run("ls", status=2).err
