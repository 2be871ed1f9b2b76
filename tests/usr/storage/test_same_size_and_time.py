"""Other contents written over a file, of its size and with its time of change, are not taken for what the file had before."""

import os
from pathlib import Path

import pytest

from dnadesign.usr import Dataset, DuplicateKeyError
from tests.usr.conftest import add, scores
from tests.usr.storage.cached_keys import eager

SEQUENCES = tuple("ACGT"[n & 3] * 4 + "ACGT"[n >> 2 & 3] * 4 for n in range(16))


def write_over(path: Path, other: Path) -> None:
    """Give a file the contents of another of its size, as a copy that keeps times would."""
    before = path.stat()
    assert other.stat().st_size == before.st_size
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_ino == before.st_ino


def overlay_of(dataset: Dataset) -> Path:
    (path,) = (dataset.dir / "_derived").rglob("*.parquet")
    return path


def another(dataset: Dataset, number: int) -> Dataset:
    made = Dataset(dataset.root, f"lab/other{number}").init()
    add(made, *SEQUENCES)
    return made


def test_a_part_is_read_as_it_is_now(dataset: Dataset) -> None:
    ids, other = add(eager(dataset), *SEQUENCES), another(dataset, 0)
    for made, value in ((dataset, 1.25), (other, 2.75)):
        made.write_overlay_part("score", scores(ids[:1], [value]))
    assert dataset.to_arrow(["score__x"]).column(0)[0].as_py() == 1.25
    write_over(overlay_of(dataset), overlay_of(other))
    assert dataset.to_arrow(["score__x"]).column(0)[0].as_py() == 2.75


@pytest.mark.parametrize("taken", [True, False])
def test_the_keys_of_an_overlay_of_one_file_are_those_that_it_has_now(dataset: Dataset, taken: bool) -> None:
    ids = add(dataset, *SEQUENCES)
    dataset.write_overlay("score", scores(ids[:1], [1.0]))
    add(dataset, "ACGTACGT")  # has the keys of all overlays in memory
    size = overlay_of(dataset).stat().st_size
    for number, record in enumerate(ids[1:], start=1):
        other = another(dataset, number)
        other.write_overlay("score", scores((record,), [1.0]))
        if overlay_of(other).stat().st_size == size:
            break
    write_over(overlay_of(dataset), overlay_of(other))
    if taken:
        with pytest.raises(DuplicateKeyError, match="in the namespace already"):
            dataset.write_overlay_part("score", scores((record,), [2.0]))
    else:
        dataset.write_overlay_part("score", scores(ids[:1], [2.0]))
        assert dataset.coverage("score").covered == 2
