"""A file that somebody puts in another's place, by hand and under a writer that knows the keys of the one before."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, DuplicateKeyError, register_namespace
from dnadesign.usr.contract.layout import KEYS, RECORDS, overlay_file
from dnadesign.usr.storage import key_state
from dnadesign.usr.storage.filesystem import REAL
from tests.faults.mutants import rewritten
from tests.usr.operations.keyed_datasets import COLUMNS, IDS, SEQUENCES, values
from tests.usr.storage.cached_keys import EAGER, eager, fresh_index, told

MORE = ["TTTTTTT", "GGGGGGG"]
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def as_a_file(dataset: Dataset, ids: list[str]) -> None:
    dataset.write_overlay("lab", values(ids))
    dataset.coverage("lab")


def as_a_compacted_file(dataset: Dataset, ids: list[str]) -> None:
    dataset.write_overlay_part("lab", values(ids[:2]))
    dataset.write_overlay_part("lab", values(ids[2:]))
    dataset.compact_overlay("lab", maintenance=True)


WRITTEN = {"written": as_a_file, "compacted": as_a_compacted_file}


def made_with(root: Path, write: Callable[[Dataset, list[str]], None], ids: list[str]) -> Dataset:
    register_namespace(root, namespace="lab", columns=COLUMNS)
    register_namespace(root, namespace="other", columns="other__x:int64")
    dataset = Dataset(root, "set").init()
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4", created_at=WHEN)
    write(dataset, ids)
    return dataset


def note_the_keys(writer: Dataset, first: int) -> None:
    """Have a writer read all keys: it writes a part beside the overlay that is looked at."""
    table = values(IDS[first : first + 1]).select(["id", "lab__x"]).rename_columns(["id", "other__x"])
    writer.write_overlay_part("other", table)
    with writer._store.locked(tool="test"):
        writer._store.keys().index.coverage("lab")


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("cached", [False, True], ids=["known from files", "known from the cache"])
def test_a_writer_has_the_keys_of_the_file_that_is_there(tmp_path: Path, how: str, cached: bool) -> None:
    made = made_with(tmp_path / "root", WRITTEN[how], IDS[:4])
    other = made_with(tmp_path / "other", WRITTEN[how], IDS[4:8])
    if cached:
        note_the_keys(eager(Dataset(made.root, "set")), 0)
    writer = made if how == "compacted" else Dataset(made.root, "set")
    note_the_keys(writer, 1)
    shutil.copyfile(other.dir / overlay_file("lab"), made.dir / overlay_file("lab"))
    with pytest.raises(DuplicateKeyError):
        writer.write_overlay_part("lab", values(IDS[6:9]))
    writer.write_overlay_part("lab", values(IDS[:2]))
    assert writer.coverage("lab").missing == len(IDS) - 6


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("waiting", [False, True], ids=["looked at", "not looked at yet"])
def test_the_keys_of_a_file_are_not_saved_for_another_one_in_its_place(
    tmp_path: Path, how: str, waiting: bool
) -> None:
    made = made_with(tmp_path / "root", WRITTEN[how], IDS[:4])
    other = made_with(tmp_path / "other", WRITTEN[how], IDS[4:8])
    note_the_keys(eager(Dataset(made.root, "set")), 0)
    writer = eager(Dataset(made.root, "set"))
    if not waiting:
        note_the_keys(writer, 1)
    shutil.copyfile(other.dir / overlay_file("lab"), made.dir / overlay_file("lab"))
    note_the_keys(writer, 2)
    saved = told(fresh_index(REAL, made.dir), IDS)
    shutil.rmtree(made.dir / KEYS)
    assert saved == told(fresh_index(REAL, made.dir), IDS)


@pytest.mark.parametrize("known", [None, 1, 3], ids=["just written", "a part after", "parts after"])
def test_a_writer_has_the_keys_of_the_base_that_is_there(tmp_path: Path, known: int | None) -> None:
    made = made_with(tmp_path / "root", as_a_file, IDS[:4])
    other = Dataset(made_with(tmp_path / "other", as_a_file, IDS[:4]).root, "set")
    made.add_sequences(MORE[:1], bio_type="dna", alphabet="dna_4", created_at=WHEN)
    other.add_sequences(MORE[1:], bio_type="dna", alphabet="dna_4", created_at=WHEN)
    for number in range(known or 0):
        note_the_keys(made, number)
    shutil.copyfile(other.dir / RECORDS, made.dir / RECORDS)
    again = made.add_sequences(MORE[1:], bio_type="dna", alphabet="dna_4", on_conflict="ignore")
    assert (again.added, again.skipped) == (0, 1)
    assert made.add_sequences(MORE[:1], bio_type="dna", alphabet="dna_4", on_conflict="ignore").added == 1


def test_a_copy_of_the_same_file_in_its_place_is_not_read_again(tmp_path: Path) -> None:
    made = Dataset(made_with(tmp_path / "root", as_a_file, IDS[:4]).root, "set")
    note_the_keys(made, 0)
    before = made._store.keys().index
    for path in (RECORDS, overlay_file("lab")):
        shutil.copyfile(made.dir / path, made.dir / ".copy")
        (made.dir / ".copy").replace(made.dir / path)
    known = dict(before.namespaces)
    note_the_keys(made, 1)
    assert made._store.keys().index is before
    assert before.namespaces["lab"] is known["lab"]


def test_a_duplicate_shows_that_a_writer_does_not_look_for_another_file(tmp_path: Path) -> None:
    made = made_with(tmp_path / "root", as_a_file, IDS[:4])
    other = made_with(tmp_path / "other", as_a_file, IDS[4:8])
    made._store.save_rule = EAGER
    note_the_keys(made, 1)
    shutil.copyfile(other.dir / overlay_file("lab"), made.dir / overlay_file("lab"))
    with rewritten(
        key_state._is_still, ("there.identity == coverage.single.identity", "there.identity != ()")
    ):
        made.write_overlay_part("lab", values(IDS[6:9]))
    assert not made.check().ok
