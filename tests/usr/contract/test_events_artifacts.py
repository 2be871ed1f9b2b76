from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.artifacts import MAX_LISTED, artifact_lists, fold_files
from dnadesign.usr.contract.errors import ValidationError


def parts(count: int, folder: str = "_derived/mock") -> list[dict]:
    return [
        {"path": f"{folder}/part-{n:04d}.parquet", "bytes": 10 + n, "sha256": "ab" * 32} for n in range(count)
    ]


def test_a_hundred_files_are_listed_one_by_one() -> None:
    files = parts(MAX_LISTED)
    assert artifact_lists(added=files) == {"added": files, "removed": []}


def test_more_are_folded_into_folder_number_bytes_and_the_hash_of_their_listing() -> None:
    files = parts(101)
    listing = "".join(f"part-{n:04d}.parquet\t{10 + n}\n" for n in range(101))
    assert artifact_lists(removed=files[::-1]) == {
        "added": [],
        "removed": {
            "path": "_derived/mock",
            "files": 101,
            "bytes": sum(10 + n for n in range(101)),
            "sha256": hashlib.sha256(listing.encode()).hexdigest(),
        },
    }


def test_files_of_several_folders_are_named_from_the_folder_that_holds_all() -> None:
    found = fold_files([*parts(60, "_derived/a"), *parts(60, "_derived/b")])
    assert isinstance(found, dict)
    assert (found["path"], found["files"]) == ("_derived", 120)
    mixed = fold_files([*parts(60, "_derived/a"), *parts(60, "/elsewhere/b"), {"path": "records.parquet"}])
    assert isinstance(mixed, dict)
    assert mixed["path"] == ""


@given(
    st.lists(
        st.tuples(st.text("ab/.é", min_size=1, max_size=8).map(lambda t: "d/" + t), st.none() | st.integers(0, 9)),
        min_size=3, max_size=10, unique=True,
    ).flatmap(lambda files: st.tuples(st.just(files), st.permutations(files)))
)  # fmt: skip
def test_a_fold_depends_on_the_files_and_not_on_their_order(files: tuple[list, list]) -> None:
    first, second = ([{"path": path, "bytes": size} for path, size in order] for order in files)
    assert fold_files(first, most=2) == fold_files(second, most=2)
    other = [*first[:-1], {**first[-1], "bytes": 10}]
    assert fold_files(first, most=2) != fold_files(other, most=2)


def test_a_file_without_a_path_is_refused() -> None:
    with pytest.raises(ValidationError, match="'path'"):
        fold_files([{"bytes": 3}] * 101)
