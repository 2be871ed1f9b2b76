"""Keys that lie on the disk are told of as a program that holds them all would tell."""

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr import Dataset, StorageError
from dnadesign.usr.operations._spilled_keys import SHOWN, KeysNotKept, SpilledKeys
from tests.examples import examples
from tests.usr.conftest import add, scores

# few of them, so that they come again; some begin alike in their first 64 bits, some only differ there
KEYS = [bytes([first]) + bytes(7) + bytes([last]) * 12 for first in (0, 1, 64, 255) for last in (0, 1, 2)]
key_lists = st.lists(st.sampled_from(KEYS), max_size=30)
overlays = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.lists(key_lists, min_size=1, max_size=3)),
    max_size=3,
    unique_by=lambda overlay: overlay[0],
)


def modelled(
    sources: list[tuple[str, list[bytes]]],
) -> list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]:
    """By source, the rows whose key its namespace has already, and those whose key the base does not have."""
    base, seen = {key for name, keys in sources if not name for key in keys}, set[tuple[str, bytes]]()
    told = []
    for name, keys in sources:
        again, strangers = [], []
        for row, key in enumerate(keys):
            again += [(row, key.hex())] if (name, key) in seen else []
            strangers += [(row, key.hex())] if key not in base else []
            seen.add((name, key))
        told.append((again, strangers))
    return told


@settings(max_examples=examples(300))
@given(key_lists, overlays, st.sampled_from([0, 100, 1000, 1 << 20]), st.integers(1, 7))
def test_what_is_told_is_what_a_program_with_all_keys_in_memory_tells(
    base: list[bytes], stored: list[tuple[str, list[list[bytes]]]], held_bytes: int, step: int
) -> None:
    sources = [("", base), *((name, keys) for name, files in stored for keys in files)]
    with SpilledKeys(held_bytes) as keys:
        for name, some in sources:
            number = keys.new_source(name)
            for first in range(0, len(some), step):
                data = b"".join(some[first : first + step])
                keys.add(number, first, np.frombuffer(data, dtype=np.uint8).reshape(-1, 20))
        told = keys.told()
    for found, (again, strangers) in zip(told, modelled(sources), strict=True):
        assert (found.again.count, found.again.rows) == (len(again), again[:SHOWN])
        assert (found.strangers.count, found.strangers.rows) == (len(strangers), strangers[:SHOWN])


def test_a_disk_that_is_full_is_no_fault_of_the_dataset(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def seek(self, _to: int) -> None: ...
        def close(self) -> None: ...
        def write(self, _data: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    dataset.write_overlay_part("score", scores(add(dataset, "ACGT", "CCCC"), [1.0, 2.0]))
    monkeypatch.setattr("dnadesign.usr.operations.validate.SpilledKeys", lambda: SpilledKeys(0))
    assert dataset.validate().ok
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(StorageError, match=r"(?s)No space left.*TMPDIR") as caught:
        dataset.validate()
    assert str(Path(tempfile.gettempdir())) in caught.value.message


def test_rows_that_come_twice_are_told_by_the_first_of_them_and_counted(dataset: Dataset) -> None:
    add(dataset, *(f"ACGT{'A' * n}" for n in range(8)))
    rows = pq.read_table(dataset.records_path)
    with dataset.records_path.open("wb") as file:
        pq.write_table(pa.concat_tables([rows, rows.slice(1)]), file)
    told = [problem for problem in dataset.check().problems if problem.check == "base.ids"]
    assert [problem.where.split(",")[1] for problem in told[:-1]] == [f" row {row}" for row in range(8, 13)]
    assert told[-1].message == "7 rows have an id that an earlier row has"


def test_keys_are_no_strangers_to_a_base_that_cannot_be_read_whole(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    assert not any(problem.check == "overlay.keys" for problem in dataset.check().problems)
    data = bytearray(dataset.records_path.read_bytes())
    data[4:200] = bytes(196)  # the first pages
    dataset.records_path.write_bytes(data)
    problems = {problem.check for problem in dataset.check().problems}
    assert "base.rows" in problems
    assert "overlay.keys" not in problems
    (told,) = [finding for finding in dataset.check().findings if finding.check == "overlay"]
    assert (told.result, told.message) == ("note", "its keys could not be held against the base")


def test_no_room_for_temporary_files_is_told_as_that_wherever_it_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    class Unwritable:
        def __init__(self, **_: object) -> None: ...
        def seek(self, _to: int) -> None: ...
        def write(self, _data: bytes) -> None: ...
        def read(self, _count: int) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def close(self) -> None:  # what is still in the buffer is written now
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill() -> None:
        with SpilledKeys(0) as keys:
            keys.add(keys.new_source(), 0, np.zeros((3, 20), dtype=np.uint8))
            keys.told()

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", None)
        patched.setattr(tempfile, "_get_default_tempdir", none)
        with pytest.raises(KeysNotKept, match="No usable temporary directory"):
            fill()
    monkeypatch.setattr(tempfile, "TemporaryFile", Unwritable)
    with pytest.raises(KeysNotKept, match="Input/output error"):
        fill()
