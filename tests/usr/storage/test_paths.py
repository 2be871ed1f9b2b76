"""Paths below a dataset are what ``Path`` makes of them."""

import copy
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr.contract.layout import FIXED_NAMES
from dnadesign.usr.storage.paths import FolderPath
from tests.examples import examples

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{0,6}[A-Za-z0-9_-]", fullmatch=True)
BELOW = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@settings(max_examples=examples(100))
@given(BELOW, BELOW)
def test_a_path_below_a_folder_is_the_same_as_any_path_of_that_text(folder: str, name: str) -> None:
    plain, quick = Path("/") / folder / name, FolderPath(f"/{folder}") / name
    assert quick == plain
    assert plain == quick
    assert hash(quick) == hash(plain)
    assert str(quick) == os.fspath(quick) == f"{quick}" == str(plain)
    assert (quick.name, quick.suffix, quick.parts) == (plain.name, plain.suffix, plain.parts)
    assert quick.with_name("other") == plain.with_name("other")
    assert quick.relative_to("/").as_posix() == f"{folder}/{name}"
    assert quick / Path("x") == plain / "x"
    assert list(quick.parents) == list(plain.parents)
    assert (quick.parent, str(quick.parent)) == (plain.parent, str(plain.parent))
    assert sorted([quick, plain / "x"]) == [plain, plain / "x"]


@pytest.mark.parametrize("name", sorted(FIXED_NAMES))
def test_a_name_that_every_dataset_has_is_named_once(name: str) -> None:
    folder = FolderPath("/data/one")
    assert folder / name is folder / name
    assert folder / name == Path("/data/one") / name
    assert folder / "part-1" is not folder / "part-1"  # a campaign has thousands, which nobody remembers


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy])
def test_a_copy_of_such_a_path_is_a_common_one(made: object) -> None:
    assert callable(made)
    found = made(FolderPath("/a/b") / "c")
    assert (type(found), found) == (type(Path()), Path("/a/b/c"))


def test_it_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    quick = FolderPath(str(tmp_path))
    assert (quick / "file").read_text() == "x"
    assert [path.name for path in quick.iterdir()] == ["file"]
    assert [path.name for path in quick.glob("*")] == ["file"]
