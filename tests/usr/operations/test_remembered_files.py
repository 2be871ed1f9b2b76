"""What a reader remembers of files is no more than what a reader that begins would find."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dnadesign.usr import Dataset, SequencesError
from dnadesign.usr.storage.stored_keys import Digests, Ordinals, StoredKeys
from tests.usr.operations.keyed_datasets import CHANGES, IDS, make_dataset, values

TWO = [*pairwise(CHANGES), ("a part", "dropped rows"), ("rows", "a part")]


def all_answers(reader: Dataset) -> dict[str, Any]:
    names = reader.schema().names
    found = {
        "all": reader.to_arrow(),
        "also deleted": reader.to_arrow(include_deleted=True),
        "head": reader.head(4),
        "some": reader.get(
            [key for key in IDS if key in set(reader.to_arrow(["id"])["id"].to_pylist())][3:8]
        ),
    }
    if "lab__x" in names:
        found["where"] = reader.to_arrow(where="lab__x > 1")
    return {name: table.to_pylist() for name, table in found.items()}


@pytest.mark.parametrize(("first", "then"), TWO, ids=[f"{one}, then {two}" for one, two in TWO])
def test_a_reader_that_remembers_reads_what_one_that_begins_reads(
    first: str, then: str, tmp_path: Path
) -> None:
    made = make_dataset(tmp_path)
    reader = Dataset(made.root, made.name)
    all_answers(reader)
    for name in (first, then):
        with suppress(SequencesError):  # not every change can follow every other; what is there is read alike
            CHANGES[name](Dataset(made.root, made.name))  # the keys on the disk are those of before
        assert all_answers(reader) == all_answers(Dataset(made.root, made.name))


@pytest.mark.parametrize(
    "read", [lambda d: d.to_arrow(), lambda d: d.to_arrow(where="lab__x > 1")], ids=["scan", "filter"]
)
def test_the_rows_of_parts_behind_the_cached_keys_are_looked_up_once_by_a_process(
    read: Callable[[Dataset], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_dataset(tmp_path)
    late = Dataset(made.root, made.name)
    for key in IDS[6:10]:
        late.write_overlay_part("lab", values([key]))
    reader = Dataset(made.root, made.name)
    looked_up: list[int] = []
    find = StoredKeys.find_once

    def counted(keys: StoredKeys, digests: Digests) -> Ordinals:
        looked_up.append(len(digests))
        return find(keys, digests)

    monkeypatch.setattr(StoredKeys, "find_once", counted)
    read(reader)
    assert sum(looked_up) >= 4
    looked_up.clear()
    read(reader)
    assert not any(looked_up)
