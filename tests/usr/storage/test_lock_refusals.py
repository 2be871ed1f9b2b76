"""No verb of a dataset writes where locks do not keep other hosts out, unless the user vouches for a single writer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnadesign.usr import Dataset, UnsupportedFilesystem
from dnadesign.usr.storage.lock import SINGLE_WRITER_VARIABLE
from tests.usr.conftest import add, scores
from tests.usr.storage.test_lock import mounts

MOUNTS = "/proc/self/mountinfo"


@pytest.fixture
def here(dataset: Dataset) -> Dataset:
    """A dataset with rows, made while locks were in order."""
    add(dataset, "ACGT", "CCCC")
    return dataset


@pytest.fixture
def local_locks(here: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The same as another process opens it, on a mount whose locks are local to each host."""
    text, real = mounts("nfs", of_super="rw,nolock", point=str(here.root)), Path.read_text

    def read_text(path: Path, *args: Any, **options: Any) -> str:
        return text if str(path) == MOUNTS else real(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    return Dataset(here.root, here.name)


def first_id(dataset: Dataset) -> tuple[str, ...]:
    return tuple(dataset.to_arrow(["id"]).column("id").to_pylist()[:1])


VERBS: dict[str, Callable[[Dataset], object]] = {
    "init": lambda d: Dataset(d.root, "lab/new").init(),
    "add_sequences": lambda d: add(d, "GGGG"),
    "write_overlay_part": lambda d: d.write_overlay_part("score", scores(first_id(d), [1.0])),
    "write_overlay": lambda d: d.write_overlay("score", scores(first_id(d), [1.0])),
    "tombstone": lambda d: d.tombstone(list(first_id(d)), reason="a test"),
    "snapshot": lambda d: d.snapshot(),
    "materialize": lambda d: d.materialize(maintenance=True),
    "recover": lambda d: d.recover(),
}


def content(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_writes_is_refused_there_and_changes_nothing(verb: str, local_locks: Dataset) -> None:
    known = ("records.parquet", ".events.log", "registry.yaml")
    before = {p: data for p, data in content(local_locks.root).items() if p.endswith(known)}
    with pytest.raises(UnsupportedFilesystem, match="nolock") as caught:
        VERBS[verb](local_locks)
    assert f"set {SINGLE_WRITER_VARIABLE}=1" in str(caught.value)
    after = content(local_locks.root)
    assert {p: after[p] for p in before} == before
    assert not [p for p in after if p.startswith("lab/new/") and after[p]]


@pytest.mark.parametrize("verb", VERBS)
def test_a_user_who_vouches_for_a_single_writer_is_let_through(
    verb: str, local_locks: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SINGLE_WRITER_VARIABLE, "1")
    VERBS[verb](local_locks)


def test_reading_needs_no_lock_and_is_not_refused(local_locks: Dataset) -> None:
    assert local_locks.to_arrow(["sequence"]).num_rows == 2
    assert local_locks.validate().ok
