"""A dataset that is put back from a backup while a process has it open: what the process remembers of it is not believed.

A copy over the files that are there keeps their inodes, and a new file often gets the inode of one just removed; events of one
kind are of one length. So a log can have the inode and the length that it had before, and other lines.
"""

import shutil
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, DuplicateKeyError
from tests.usr.conftest import add, scores


def one(writer: Dataset, record: str, batch_id: str | None = None) -> None:
    writer.write_overlay_part("score", scores((record,), [1.0]), batch_id=batch_id)


def put_back(dataset: Dataset, backup: Path) -> None:
    """Restore a copy under the inodes that are there."""
    kept = {path.relative_to(backup) for path in backup.rglob("*") if path.is_file()}
    for path in sorted(dataset.dir.rglob("*")):
        if path.is_file() and path.relative_to(dataset.dir) not in kept:
            path.unlink()
    for name in kept:
        shutil.copy2(backup / name, dataset.dir / name)


@pytest.fixture
def restored(dataset: Dataset, tmp_path: Path) -> tuple[Dataset, tuple[str, ...]]:
    """A writer that wrote a part which was lost again, and the ids of the base; the first has a row, the second lost its."""
    ids = add(dataset, "AAAA", "CCCC", "GGGG", "TTTT")
    one(dataset, ids[0], "first")
    shutil.copytree(dataset.dir, tmp_path / "backup")
    one(dataset, ids[1], "lost")
    put_back(dataset, tmp_path / "backup")
    return dataset, ids


@pytest.mark.parametrize("more", [1, 2])
def test_a_writer_that_was_open_when_its_dataset_was_restored_has_the_keys_that_are_there(
    restored: tuple[Dataset, tuple[str, ...]], more: int
) -> None:
    writer, ids = restored
    for number, record in enumerate(ids[2 : 2 + more]):
        one(Dataset(writer.root, writer.name), record, f"new{number}")

    for taken in (ids[0], *ids[2 : 2 + more]):
        with pytest.raises(DuplicateKeyError, match="in the namespace already"):
            one(writer, taken)
    one(writer, ids[1])
    assert writer.coverage("score").missing == 2 - more
    assert writer.check(deep=True).ok


def test_a_batch_that_was_lost_when_its_dataset_was_restored_is_committed_again(
    restored: tuple[Dataset, tuple[str, ...]],
) -> None:
    writer, ids = restored
    one(Dataset(writer.root, writer.name), ids[2], "next")  # as long as the lost one
    one(writer, ids[1], "lost")

    assert writer.batch("next") is not None
    assert writer.coverage("score").covered == 3
