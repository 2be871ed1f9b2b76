"""``get`` and ``head`` by the cached keys give what a scan gives, open few files, and ask the scan where keys do not do."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    Dataset,
    DuplicateKeyError,
    MissingKeyError,
    OverlayLayoutError,
    SchemaError,
)
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.operations import _few_rows, read
from dnadesign.usr.storage.filesystem import REAL
from tests.benchmarks.counting import CountingFileSystem
from tests.usr.operations.keyed_datasets import CHANGES, IDS, make_dataset, values
from tests.usr.storage.cached_keys import cached_files, damage, eager


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    """A dataset with its keys on the disk."""
    return make_dataset(tmp_path)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each read, whether the cached keys did."""
    told: list[bool] = []

    def asked(*args: object, **options: object) -> pa.Table | None:
        found = _few_rows.few_rows(*args, **options)  # type: ignore[arg-type]
        told.append(found is not None)
        return found

    monkeypatch.setattr(read, "few_rows", asked)
    return told


def same_as_a_scan(dataset: Dataset, *, columns: list[str] | None = None) -> None:
    """What a fresh process sees by id and at the head, held against the scan."""
    fresh = Dataset(dataset.root, dataset.name)
    for include_deleted in (False, True):
        whole = fresh.to_arrow(columns, include_deleted=include_deleted)
        ids = fresh.to_arrow(["id"], include_deleted=include_deleted).column(0).to_pylist()
        for count in (0, 1, 5, len(ids) + 3):
            assert fresh.head(count, columns=columns, include_deleted=include_deleted).equals(
                whole.slice(0, count)
            )
        for picked in ([ids[-1]], ids[::-2], ids):
            found = fresh.get(picked, columns=columns, include_deleted=include_deleted)
            rows = [i for i, key in enumerate(ids) if key in picked]
            assert found.equals(whole.take(rows)), (found.to_pylist(), whole.take(rows).to_pylist())
        with pytest.raises(MissingKeyError, match="0000"):
            fresh.get([ids[0], "0" * 40])


@pytest.mark.parametrize("also", [True, False], ids=["keys saved after it", "keys saved before it"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_rows_are_those_of_a_scan_after(
    change: Callable[[Dataset], object], also: bool, made: Dataset
) -> None:
    change(made if also else Dataset(made.root, made.name))
    same_as_a_scan(made)
    same_as_a_scan(made, columns=["sequence", "lab__s"] if "lab__s" in made.schema().names else ["sequence"])


def test_cached_keys_do_for_what_writers_leave(made: Dataset, short: list[bool]) -> None:
    for name in ("nothing", "a part", "rows with a part", "deleted records", "a state", "a frozen registry"):
        CHANGES[name](Dataset(made.root, made.name))
    same_as_a_scan(made)
    assert short
    assert all(short)


@pytest.mark.parametrize("name", ["compaction", "compaction to a part", "materialization"])
def test_cached_keys_do_again_after(name: str, made: Dataset, short: list[bool]) -> None:
    CHANGES[name](made)
    made.add_sequences(["GGGGGGGGG"], bio_type="dna", alphabet="dna_4")
    if name == "materialization":
        made.write_overlay_part("lab", values(IDS[:2], 5))
    else:
        CHANGES["a state"](made)
    same_as_a_scan(made)
    assert short[-1]


def test_reads_open_the_files_that_have_their_rows(made: Dataset) -> None:
    fs = CountingFileSystem()
    fresh = Dataset(made.root, made.name, fs=fs)
    fresh.get(IDS[2:4])
    parts = [path.name for path in fs.opened if path.name.startswith("part-")]
    assert len(set(parts)) == 1


@pytest.mark.parametrize(
    "read",
    [lambda d: d.head(2), lambda d: d.get(IDS[:2]), lambda d: d.get(IDS[11:])],
    ids=["head", "get", "get none"],
)
def test_parts_that_the_cached_keys_do_not_know_are_read_once_by_a_process(
    made: Dataset, read: Callable[[Dataset], pa.Table]
) -> None:
    late = Dataset(made.root, made.name)
    new = {str(late.write_overlay_part("lab", values([key])).path).rsplit("/", 1)[-1] for key in IDS[6:11]}
    fs = CountingFileSystem()
    fresh = Dataset(made.root, made.name, fs=fs)
    first = read(fresh)
    assert new <= {path.name for path in fs.read}
    fs.forget()
    assert read(fresh).equals(first)
    assert not new & {path.name for path in fs.read}


@pytest.mark.parametrize("read", [lambda d: d.head(3), lambda d: d.get(IDS[:2])], ids=["head", "get"])
def test_a_namespace_that_is_a_file_and_parts_is_refused_as_by_a_scan(
    read: Callable[[Dataset], pa.Table], made: Dataset
) -> None:
    part = min((made.dir / "_derived/lab").iterdir())
    shutil.copyfile(part, made.dir / "_derived/lab.parquet")
    with pytest.raises(OverlayLayoutError, match="both"):
        read(Dataset(made.root, made.name))


@pytest.mark.parametrize("read", [lambda d: d.head(3), lambda d: d.get(IDS[:2])], ids=["head", "get"])
def test_a_part_without_ids_is_refused_as_by_a_scan(
    read: Callable[[Dataset], pa.Table], made: Dataset
) -> None:
    part = min((made.dir / "_derived/lab").iterdir())
    stray = part.with_name(part.name.replace(part.name[-12:-8], "0000"))
    pq.write_table(pq.read_table(part).drop_columns(["id"]), stray)
    with pytest.raises(SchemaError):
        read(Dataset(made.root, made.name))


def test_columns_of_another_namespace_are_left_to_the_scan(made: Dataset) -> None:
    part = sorted((made.dir / "_derived/lab").iterdir())[0]
    strange = pq.read_table(part).rename_columns(["id", "lab__x", "other__v", "lab__s"])
    pq.write_table(strange, part)
    shutil.rmtree(made.dir / KEYS)
    eager(Dataset(made.root, made.name)).write_overlay_part("lab", values(IDS[10:]))
    same_as_a_scan(made)


def test_a_base_with_a_key_twice_is_read_as_a_scan_reads_it(made: Dataset) -> None:
    base = made.dir / "records.parquet"
    table = pq.read_table(base)
    pq.write_table(pa.concat_tables([table, table.slice(3, 1)]), base)
    shutil.rmtree(made.dir / KEYS)
    fresh = eager(Dataset(made.root, made.name))
    fresh.write_overlay_part("lab", values(IDS[10:]))
    assert fresh.get([IDS[3]]).num_rows == 2
    assert Dataset(made.root, made.name).get([IDS[3]]).num_rows == 2


def test_a_key_in_two_parts_is_refused(made: Dataset) -> None:
    parts = sorted((made.dir / "_derived/lab").iterdir())
    again = pq.read_table(parts[0]).slice(0, 1)
    pq.write_table(again, parts[0].with_name(f"part-20260101T000000000000Z-{uuid4().hex}.parquet"))
    with pytest.raises(DuplicateKeyError, match="keep-newest"):
        Dataset(made.root, made.name).get(again.column("id").to_pylist())


def test_a_part_of_another_type_is_refused_as_by_a_scan(made: Dataset) -> None:
    part = sorted((made.dir / "_derived/lab").iterdir())[0]
    table = pq.read_table(part)
    texts = pa.array([str(n) for n in table.column("lab__x").to_pylist()])
    pq.write_table(table.set_column(1, "lab__x", texts), part)
    with pytest.raises(SchemaError, match="lab__x"):
        Dataset(made.root, made.name).get(IDS[:1])


@pytest.mark.parametrize("seed", range(30))
def test_damaged_keys_change_no_answer(seed: int, made: Dataset) -> None:
    random = Random(seed)
    for name in random.sample(cached_files(REAL, made.dir), k=1 + seed % 2):
        damage(REAL, made.dir / KEYS / name, random)
    same_as_a_scan(made)


def test_keys_of_an_older_state_change_no_answer(made: Dataset, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(made.dir / KEYS, old)
    for name in ("deleted records", "rows with a part", "compaction", "materialization", "dropped rows"):
        CHANGES[name](made)
        shutil.rmtree(made.dir / KEYS)
        shutil.copytree(old, made.dir / KEYS)
        same_as_a_scan(made)


def test_a_change_in_between_is_noticed(made: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, writer = Dataset(made.root, made.name), Dataset(made.root, made.name)
    original = _few_rows._rows_at

    def write_first(*args: object) -> pa.Table:
        monkeypatch.setattr(_few_rows, "_rows_at", original)
        writer.tombstone(IDS[2])
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(_few_rows, "_rows_at", write_first)
    with pytest.raises(MissingKeyError):
        fresh.get([IDS[2]])
