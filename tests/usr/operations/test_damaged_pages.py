"""Values of a damaged page are never handed out or written on: whoever needs them is told which file it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import CorruptFileError, Dataset, StorageError, register_namespace
from dnadesign.usr.storage.save_rule import SaveRule

ALWAYS = SaveRule(files=1, rows=1, log_bytes=1, share=1)
SEQUENCES = ["".join("ACGT"[number >> shift & 3] for shift in (0, 2, 4, 6)) * 3 for number in range(90)]
REPEATED = SEQUENCES[3] + " "  # of the other dataset: what merging brings


def rows(namespace: str, ids: list[str]) -> pa.Table:
    values = [int(one[:7], 16) for one in ids]
    return pa.table(
        {
            "id": ids,
            f"{namespace}__x": pa.array(values, pa.int32()),
            f"{namespace}__t": [f"text {value}" for value in values],
        }
    )


def ids_of(dataset: Dataset) -> list[str]:
    with pq.ParquetFile(dataset.root / "ids.parquet") as file:
        found: list[str] = file.read().column("id").to_pylist()
    return found


def shown(dataset: Dataset) -> list[str]:
    return ids_of(dataset)[1:6]


READS: dict[str, Callable[[Dataset], object]] = {
    "scan": lambda d: d.scan().read_all(),
    "scan of columns": lambda d: d.scan(["id", "lab__x", "solo__x", "usr_state__split"]).read_all(),
    "scan where": lambda d: d.scan(where="lab__x > 0 AND solo__x > 9 AND length > 3").read_all(),
    "scan where one overlay": lambda d: d.scan(["id", "solo__t"], where="solo__x > 99").read_all(),
    "scan where, deleted ones too": lambda d: d.scan(["sequence"], where="solo__x > 99", include_deleted=True).read_all(),
    "scan of a shard": lambda d: d.scan(shard=(0, 2)).read_all(),
    "get": lambda d: d.get(shown(d)),
    "head": lambda d: d.head(10),
    "head where": lambda d: d.head(3, where="solo__t LIKE 'text 1%'"),
    "grep": lambda d: d.grep("ACG"),
    "export": lambda d: (d.export(d.root / "out.csv"), (d.root / "out.csv").read_text())[1],
    "connect": lambda d: d.connect().sql("SELECT * FROM records").to_arrow_table().sort_by("id"),
    "describe": lambda d: d.describe(),
    "coverage": lambda d: d.coverage("solo").to_dict(),
    "get_state": lambda d: d.get_state(shown(d)),
    "dedupe, looked at": lambda d: d.dedupe(key="sequence_ci", dry_run=True).to_dict(),
    "merge, looked at": lambda d: d.merge_from(Dataset(d.root, "more"), on_duplicate="skip", dry_run=True).to_dict(),
}  # fmt: skip
WRITES: dict[str, Callable[[Dataset], object]] = {
    "materialize": lambda d: d.materialize(drop_deleted=True, maintenance=True),
    "compact parts": lambda d: d.compact_overlay("lab", maintenance=True),
    "compact a file": lambda d: d.compact_overlay("solo", maintenance=True),
    "dedupe": lambda d: d.dedupe(key="sequence_ci", maintenance=True),
    "merge": lambda d: d.merge_from(Dataset(d.root, "more"), on_duplicate="skip", maintenance=True),
    "attach": lambda d: d.write_overlay("solo", rows("solo", shown(d)), allow_overwrite=True),
    "set_state": lambda d: d.set_state(shown(d), split="val"),
    "tombstone": lambda d: d.tombstone(shown(d), reason="wrong"),
    "restore": lambda d: d.restore(ids_of(d)[:1]),
}  # fmt: skip
FILES = {
    "base": "records.parquet",
    "part": "_derived/lab/part-*.parquet",
    "single file": "_derived/solo.parquet",
    "tombstones": "_derived/usr.parquet",
    "state": "_derived/usr_state.parquet",
}
UNHARMED = {
    "part": {"scan where one overlay", "scan where, deleted ones too", "grep", "coverage", "get_state", "compact a file",
             "attach", "set_state", "tombstone", "restore"},
    "single file": {"grep", "get_state", "compact parts", "set_state", "tombstone", "restore"},
    "tombstones": {"scan where, deleted ones too", "get_state", "compact parts", "compact a file", "set_state", "merge",
                   "merge, looked at"},
    "state": {"scan where one overlay", "scan where, deleted ones too", "grep", "coverage", "compact parts",
              "compact a file", "merge", "merge, looked at", "attach", "tombstone", "restore"},
}  # fmt: skip
"""What does not need a file of a kind."""


@pytest.fixture(scope="module", params=[False, True], ids=["no-keys", "keys-on-disk"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with each kind of file, and another one to be merged into it."""
    root = tmp_path_factory.mktemp("whole")
    for namespace in ("lab", "solo"):
        register_namespace(root, namespace=namespace, columns=f"{namespace}__x:int32,{namespace}__t:string")
    dataset = Dataset(root, "set").init()
    if request.param:
        dataset._store.save_rule = ALWAYS
    ids = list(dataset.add_sequences(SEQUENCES[:60], bio_type="dna", alphabet="dna_4").ids)
    pq.write_table(pa.table({"id": ids}), root / "ids.parquet")
    dataset.add_sequences([s.lower() for s in SEQUENCES[:2]], bio_type="dna", alphabet="dna_4")
    for start in (0, 20):
        dataset.write_overlay_part("lab", rows("lab", ids[start : start + 20]))
    dataset.write_overlay("solo", rows("solo", ids[::2]))
    dataset.tombstone(ids[::7], reason="wrong")
    dataset.set_state(ids[1::5], split="train")
    other = Dataset(root, "more").init()
    new = list(other.add_sequences(SEQUENCES[55:], bio_type="dna", alphabet="dna_4").ids)
    other.write_overlay("solo", rows("solo", new))
    other.write_overlay("lab", rows("lab", new))
    return root


@pytest.fixture
def dataset(whole: Path, tmp_path: Path) -> Dataset:
    shutil.copytree(whole, tmp_path / "root")
    return Dataset.open(tmp_path / "root", "set")


def damaged_bytes(path: Path) -> Iterator[bytes]:
    """The file with a bit of the last bytes of a column's values flipped, of one column after the other."""
    data = path.read_bytes()
    group = pq.read_metadata(path).row_group(0)
    for number in range(group.num_columns):
        column = group.column(number)
        start = column.dictionary_page_offset or column.data_page_offset
        bad = bytearray(data)
        bad[start + column.total_compressed_size - 1] ^= 4
        yield bytes(bad)


def changed(path: Path, data: bytes) -> None:
    """As bits rot on the disk, which no time of change tells."""
    found = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def check_refused(dataset: Dataset, refused: int, verb: str, kind: str) -> None:
    """Whether those were refused who need the file: with cached keys some do not who do without them."""
    unharmed, has_keys = verb in UNHARMED.get(kind, ()), (dataset.dir / ".usr/keys").exists()
    assert not refused if unharmed else refused or has_keys


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("verb", READS)
def test_a_read_gives_what_was_written_or_names_the_damaged_file(
    dataset: Dataset, verb: str, kind: str
) -> None:
    read = READS[verb]
    path = sorted(dataset.dir.glob(FILES[kind]))[0]
    good, sound, refused = path.read_bytes(), read(dataset), 0
    for data in damaged_bytes(path):
        changed(path, data)
        try:
            found = read(Dataset.open(dataset.root, "set"))
        except CorruptFileError as error:
            assert str(path) in str(error) or FILES[kind] in str(error)
            assert error.mend
            refused += 1
        else:
            assert found == sound
        changed(path, good)
    check_refused(dataset, refused, verb, kind)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("verb", WRITES)
def test_a_change_that_needs_a_damaged_file_names_it_and_changes_nothing(
    dataset: Dataset, verb: str, kind: str
) -> None:
    path = sorted(dataset.dir.glob(FILES[kind]))[0]
    refused = 0
    for number, data in enumerate(damaged_bytes(path)):
        root = dataset.root.with_name(f"damaged {number}")
        shutil.copytree(dataset.root, root)
        one = root / path.relative_to(dataset.root)
        changed(one, data)
        here = Dataset.open(root, "set")
        before = files(here)
        try:
            WRITES[verb](here)
        except CorruptFileError as error:
            assert str(one) in str(error) or str(one.relative_to(here.dir)) in str(error)
            assert error.mend
            assert files(here) == before
            refused += 1
    check_refused(dataset, refused, verb, kind)


@pytest.mark.parametrize("kind", ["base", "single file", "tombstones", "state"])
@pytest.mark.parametrize("verb", ["scan", "get", "describe", "attach", "set_state", "tombstone"])
def test_a_folder_in_the_place_of_a_file_is_told_and_nothing_is_committed_that_could_not_be_finished(
    dataset: Dataset, verb: str, kind: str
) -> None:
    path = sorted(dataset.dir.glob(FILES[kind]))[0]
    path.unlink()
    path.mkdir()
    before = files(dataset)
    here = Dataset.open(dataset.root, "set")
    with pytest.raises(StorageError, match="Is a directory") as caught:
        (READS | WRITES)[verb](here)
    assert path.name in str(caught.value)
    assert files(dataset) == before


def files(dataset: Dataset) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in dataset.dir.rglob("*")
        if path.is_file() and ".usr" not in path.parts and path.name != ".usr.lock"
    }
