"""Reading by position gives what the join gives, is used where the cached keys do, and leaves the rest to the join."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    CorruptFileError,
    Dataset,
    DuplicateKeyError,
    MissingKeyError,
    SchemaError,
    SequencesError,
    compute_id,
    register_namespace,
)
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.operations import (
    _by_position,
    _duck,
    _join,
    _merge,
    _overlay_hits,
    _placed_rows,
    _reorder,
    compact,
)
from dnadesign.usr.operations._join import joined_batches
from dnadesign.usr.operations._scan import open_view
from dnadesign.usr.operations._view import Query
from dnadesign.usr.operations.compact import Layout
from dnadesign.usr.storage import row_groups
from dnadesign.usr.storage.filesystem import REAL
from dnadesign.usr.storage.key_manifest import read_manifest
from dnadesign.usr.storage.placement import NotPlaced
from dnadesign.usr.storage.version import PinnedFile
from tests.usr.operations.keyed_datasets import CHANGES, IDS, SEQUENCES, make_dataset, values
from tests.usr.storage.cached_keys import cached_files, damage, eager, fresh_index, told

CONDITIONS = {
    "a number": "lab__x > 2",
    "capitals": "LAB__X >= 1 AND Sequence LIKE '%A%'",
    "nothing": "length < 0",
    "null": "lab__x IS NULL",
    "no truth value": "lab__x",
    "a list of a fixed size": "len(lab__v) = 2 AND lab__v[1] > 2",
    "a field of structs": "list_contains(list_transform(lab__s, lambda s: s.tf), 'tf4')",
    "a name that is no column": "list_filter([1, 2], lambda length: length > 1) = [2]",
    "no column": "true",
    "a time": "created_at > TIMESTAMP '2020-01-01'",
    "a choice": "CASE WHEN lab__x IS NULL THEN length > 6 ELSE lab__x BETWEEN 1 AND 3 END",
}
WRONG = {
    "a column that is not there": "lab__y > 1",
    "an aggregate": "count(*) > 1",
    "no number": "CAST(source AS INTEGER) > 1 OR CAST(sequence AS INTEGER) > 1",
}


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    """A dataset with its keys on the disk."""
    return make_dataset(tmp_path)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """For each read, how it was begun: by position, or at which row a join was asked; or that few hits were all of it."""
    told: list[str] = []
    planned, joined = _by_position._open_plan, joined_batches
    of_hits = _overlay_hits.batches_of_hits

    def begun(*args: object) -> _by_position.Plan:
        plan = planned(*args)  # type: ignore[arg-type]
        told.append("by position")
        return plan

    def asked(*args: object, begin: int = 0, **options: object) -> Iterator[pa.RecordBatch]:
        told.append(f"join from {begin}")
        return joined(*args, begin=begin, **options)  # type: ignore[arg-type]

    def looked_for(*args: object, **options: object) -> Iterator[pa.RecordBatch]:
        yield from of_hits(*args, **options)  # type: ignore[arg-type]
        told.append("few hits")

    monkeypatch.setattr(_merge, "batches_of_hits", looked_for)
    monkeypatch.setattr(_by_position, "_open_plan", begun)
    monkeypatch.setattr(_merge, "joined_batches", asked)
    return told


@contextmanager
def join_only() -> Iterator[None]:
    """Have everything read by the join."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_merge, "batches_by_position", no_placement)
        patch.setattr(_merge, "batches_of_hits", no_placement)
        yield


def same_as_the_join(dataset: Dataset, **options: object) -> pa.Table:
    """What a process that begins reads, held against the join."""
    found = Dataset(dataset.root, dataset.name).scan(batch_size=5, **options).read_all()  # type: ignore[arg-type]
    with join_only():
        joined = Dataset(dataset.root, dataset.name).scan(batch_size=5, **options).read_all()  # type: ignore[arg-type]
    assert found.schema.equals(joined.schema)
    assert found.equals(joined), (found.to_pylist(), joined.to_pylist())
    found.validate(full=True)
    return found


def open_files() -> int:
    """How many files this process has open."""
    gc.collect()  # of readers that earlier tests dropped
    return len(list(Path("/proc/self/fd").iterdir()))


def same_in_all_ways(dataset: Dataset) -> None:
    for include_deleted in (False, True):
        same_as_the_join(dataset, include_deleted=include_deleted)
        some = [n for n in ("lab__s", "sequence", "usr__deleted") if n in dataset.schema().names]
        same_as_the_join(dataset, columns=some, include_deleted=include_deleted)
    same_as_the_join(dataset, columns=[])
    same_as_the_join(dataset, include_overlays=False)
    if "lab__x" in dataset.schema().names:
        same_as_the_join(dataset, where="lab__x > 1", columns=["sequence", "lab__s"])


@pytest.fixture(params=[1 << 17, 4], ids=["in one piece", "in pieces of four rows"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows of the base are read together."""
    rows: int = request.param
    monkeypatch.setattr(_by_position, "ROW_GROUP_ROWS", rows)
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", rows)
    return rows


@pytest.fixture
def cut(pieces: int, tmp_path: Path) -> Dataset:
    """The dataset, its files in row groups of that size."""
    assert pieces
    return make_dataset(tmp_path)


@pytest.mark.parametrize("also", [True, False], ids=["keys saved after it", "keys saved before it"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_rows_are_those_of_the_join_after(
    change: Callable[[Dataset], object], also: bool, cut: Dataset
) -> None:
    change(cut if also else Dataset(cut.root, cut.name))
    same_in_all_ways(cut)


def test_the_cached_keys_do_for_what_writers_leave(cut: Dataset, ways: list[str]) -> None:
    for name in (
        "nothing",
        "a part",
        "rows with a part",
        "deleted records",
        "a state",
        "compaction",
        "removal",
    ):
        CHANGES[name](cut if name == "compaction" else Dataset(cut.root, cut.name))
        assert Dataset(cut.root, cut.name).to_arrow().num_rows
        assert ways == ["by position"], name
        ways.clear()


def test_a_file_of_several_row_groups_is_read_on_from_piece_to_piece(
    made: Dataset, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_by_position, "ROW_GROUP_ROWS", 3)
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", 2)
    made.write_overlay_part("lab", values(IDS[7:]))
    made.compact_overlay("lab", layout="part", maintenance=True)
    base = pq.read_table(made.dir / "records.parquet")
    pq.write_table(base, made.dir / "records.parquet", row_group_size=3)
    shutil.rmtree(made.dir / KEYS)
    eager(Dataset(made.root, made.name)).write_overlay_part("lab", values(IDS[6:7]))
    (part, _) = sorted((made.dir / "_derived/lab").iterdir())
    assert pq.read_metadata(part).num_row_groups == 6
    ways.clear()
    same_as_the_join(made)
    assert ways == ["by position", "join from 0"]


def test_a_file_in_another_order_with_several_row_groups_is_left_to_the_join(
    made: Dataset, ways: list[str]
) -> None:
    part = sorted((made.dir / "_derived/lab").iterdir())[-1]
    pq.write_table(pq.read_table(part), part, row_group_size=1)
    same_as_the_join(made)
    assert ways == ["by position", "join from 0", "join from 0"]


def test_what_does_not_fit_is_left_to_the_join_from_there_on(
    cut: Dataset, pieces: int, ways: list[str]
) -> None:
    base = pq.read_table(cut.dir / "records.parquet")
    pq.write_table(base, cut.dir / "records.parquet", row_group_size=4)
    shutil.rmtree(cut.dir / KEYS)
    dataset = eager(Dataset(cut.root, cut.name))
    dataset.write_overlay_part("lab", values(IDS[9:11]))
    part = sorted((cut.dir / "_derived/lab").iterdir())[-1]
    times = part.stat()
    other = pa.array([IDS[9], IDS[11]])  # behind the back of the cached keys
    pq.write_table(pq.read_table(part).set_column(0, "id", other), part)
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    ways.clear()
    for where in (None, "lab__x IS NULL", "lab__x > 5"):
        found = same_as_the_join(cut, where=where)
        assert where is not None or found.column("lab__x").to_pylist()[9:] == [0, None, 1]
        few = where == "lab__x > 5"  # which none of the rows meets that are not where they should be
        way = ["few hits"] if few else ["by position", f"join from {8 if pieces == 4 else 0}"]
        assert ways == [*way, "join from 0"]
        ways.clear()


def test_a_part_that_was_changed_after_its_keys_were_cached_is_left_to_the_join(cut: Dataset) -> None:
    eager(Dataset(cut.root, cut.name)).write_overlay_part("lab", values(IDS[9:11]))
    part = sorted((cut.dir / "_derived/lab").iterdir())[-1]
    other = pa.array(IDS[6:8])  # rows that come before those that it had
    pq.write_table(pq.read_table(part).set_column(0, "id", other), part)
    fresh = Dataset(cut.root, cut.name)
    for read in (fresh.to_arrow(), fresh.get(IDS)):
        assert read.column("lab__x").to_pylist()[6:] == [0, 1, None, None, None, None]


def test_a_part_that_has_more_rows_than_its_keys_is_left_to_the_join(cut: Dataset) -> None:
    part = sorted((cut.dir / "_derived/lab").iterdir())[0]
    times = part.stat()
    table = pq.read_table(part)
    pq.write_table(pa.concat_tables([table, values(IDS[8:9], 50).cast(table.schema)]), part)
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert same_as_the_join(cut).column("lab__x").to_pylist()[8] == 50


def test_the_keys_on_the_disk_are_as_of_the_last_change(made: Dataset, ways: list[str]) -> None:
    for ids in (IDS[2:], IDS[:1]):
        eager(Dataset(made.root, made.name)).tombstone(ids)
        manifest = read_manifest(REAL, made.dir)
        assert manifest is not None
        assert manifest.log.end == made.events_path.stat().st_size
        ways.clear()
        assert Dataset(made.root, made.name).to_arrow().num_rows == len(IDS[:2]) - (ids != IDS[2:])
        assert ways == ["by position"]


def test_a_file_written_over_by_others_is_not_read_by_the_keys_of_the_old_one(made: Dataset) -> None:
    for ids in (
        IDS[2:],
        IDS[:1],
    ):  # each of its own process, which puts the keys on the disk as soon as it may
        eager(Dataset(made.root, made.name)).tombstone(ids)
        same_in_all_ways(made)
        fresh = Dataset(made.root, made.name)
        left = fresh.to_arrow(["id"]).column(0).to_pylist()
        assert fresh.head(20, columns=["id"]).column(0).to_pylist() == left
        with pytest.raises(MissingKeyError):
            fresh.get(ids[:1])
    for qc in ("pass", "fail"):
        eager(Dataset(made.root, made.name)).set_state(IDS[1:2], qc_status=qc)
        assert Dataset(made.root, made.name).get(IDS[1]).column("usr_state__qc_status").to_pylist() == [qc]


@pytest.mark.parametrize(
    "condition", ["lab__d > 1e6", "lab__d = 'nan'", "NOT (lab__d < 1e9)", "lab__d = 0.1"]
)
@pytest.mark.parametrize("stored", ["float64", "float32"])
def test_numbers_that_are_none_and_narrower_ones_are_compared_alike(
    stored: str, condition: str, tmp_path: Path
) -> None:
    register_namespace(tmp_path, namespace="lab", columns=f"lab__d:{stored}")
    dataset = eager(Dataset(tmp_path, "set").init())
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    numbers = pa.array([0.1, 0.2, float("nan"), None, 3e5, -0.0], pa.float64())
    dataset.write_overlay_part("lab", pa.table({"id": IDS[:6], "lab__d": numbers.cast(stored)}))
    same_as_the_join(dataset, where=condition, columns=["id"])
    register_namespace(tmp_path, namespace="lab", columns="lab__d:float64", overwrite=True)
    same_as_the_join(dataset, where=condition, columns=["id"])


@pytest.mark.parametrize(
    "condition", ["__usr_row < 3", "NOT __usr_keep", "usr__deleted", "typeof(length) = 'INTEGER'"]
)
def test_names_of_the_join_itself_mean_the_same(condition: str, cut: Dataset) -> None:
    cut.tombstone(IDS[1:2])
    same_as_the_join(cut, where=condition, include_deleted=True)


def test_a_wrong_condition_is_told_where_there_are_no_rows(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "none").init()
    with pytest.raises(SchemaError, match="has no column 'nope'"):
        dataset.scan(where="nope > 3")
    assert same_as_the_join(dataset, where="length > 3").num_rows == 0


def test_what_arrow_cannot_do_is_left_to_the_join_and_to_keys(
    made: Dataset, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = made.to_arrow()

    def too_long(*_: object) -> None:
        raise pa.ArrowInvalid("offset overflow while concatenating arrays")

    ways.clear()
    with monkeypatch.context() as patch:
        patch.setattr(_by_position, "merged_column", too_long)
        assert made.to_arrow().equals(expected)
    assert ways == ["by position", "join from 0"]
    with monkeypatch.context() as patch:
        patch.setattr(_placed_rows.PlacedRows, "values", too_long)
        made.compact_overlay("lab", maintenance=True)
    assert made.to_arrow().equals(expected)


def test_overlays_that_say_not_who_is_deleted_are_left_to_the_join(made: Dataset, ways: list[str]) -> None:
    made.tombstone(IDS[:1])
    file = made.dir / "_derived/usr.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["usr__deleted"]), file)
    for read in (lambda d: d.to_arrow(), lambda d: d.head(3)):
        with pytest.raises(SequencesError):
            read(Dataset(made.root, made.name))
    assert "by position" not in ways


LATE = """
import sys, threading, time
from dnadesign.usr import Dataset
dataset = Dataset(sys.argv[1], sys.argv[2])
begun = dataset.scan(batch_size=1)
begun.read_next_batch()
def late():
    time.sleep(0.5)  # the main thread has ended by then
    print(1 + begun.read_all().num_rows, dataset.to_arrow().num_rows)
threading.Thread(target=late).start()
"""


def test_a_thread_reads_on_after_the_main_thread_has_ended(made: Dataset) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE, str(made.root), made.name], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["12", "12"], done.stderr


def test_files_that_are_too_interwoven_are_left_to_the_join(
    made: Dataset, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_by_position, "_MOST_BYTES", 1)
    same_as_the_join(made)
    assert ways == ["join from 0", "join from 0"]


def test_the_first_rows_need_only_the_files_that_belong_to_them_and_each_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_by_position, "ROW_GROUP_ROWS", 2)
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", 2)
    made = make_dataset(tmp_path)  # with parts for the first three pieces
    for start in (6, 8, 10):
        made.write_overlay_part("lab", values(IDS[start : start + 2], start))
    parts = [part.name for part in sorted((made.dir / "_derived/lab").iterdir())]
    read: list[str] = []
    original = _by_position._read

    def noted(file: PinnedFile, groups: range, columns: list[str]) -> pa.Table:
        read.append(file.path.rsplit("/", 1)[-1])
        return original(file, groups, columns)

    monkeypatch.setattr(_by_position, "_read", noted)
    monkeypatch.setattr(_duck, "connect", None)  # and no SQL is asked
    reader = Dataset(made.root, made.name).scan()
    reader.read_next_batch()
    assert {parts[0]} < set(read) <= {"records.parquet", *parts[:3]}
    assert reader.read_all().num_rows == 10
    assert sorted(read) == sorted([*["records.parquet"] * 6, *parts])


@pytest.mark.parametrize("limit", [0, 1, 3, 11, 40])
def test_a_limit_ends_it(limit: int, cut: Dataset) -> None:
    whole = cut.to_arrow(where="lab__x IS NULL OR lab__x > 1")
    found = cut.head(limit, where="lab__x IS NULL OR lab__x > 1")
    assert found.equals(whole.slice(0, limit))


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_holds_for_the_same_rows(condition: str, cut: Dataset, ways: list[str]) -> None:
    same_as_the_join(cut, where=condition)
    assert ways == ["by position", "join from 0"]


@pytest.mark.parametrize("condition", WRONG.values(), ids=WRONG)
def test_a_wrong_condition_is_told_alike(condition: str, made: Dataset) -> None:
    with pytest.raises(SequencesError) as by_position:
        made.to_arrow(where=condition)
    with join_only(), pytest.raises(SequencesError) as joined:
        made.to_arrow(where=condition)
    assert (type(by_position.value), str(by_position.value)) == (type(joined.value), str(joined.value))


@pytest.mark.parametrize("layout", ["file", "part"])
@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "a part with one column",
        "rows with a part",
        "deleted records",
        "a state",
        "a file written over",
    ],
)
def test_compaction_by_position_gives_what_compaction_by_key_gives(
    name: str, layout: Layout, cut: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CHANGES[name](cut)
    cut.write_overlay_part("lab", values(IDS[7:8], 30)) if name != "a file written over" else None
    other = Dataset(shutil.copytree(cut.root, tmp_path / "copy"), cut.name)
    namespaces = [overlay.namespace for overlay in cut.list_overlays()]
    called = []
    by_key = compact._rewrite_by_key

    def noted(*args: Any) -> Any:
        called.append(args)
        return by_key(*args)

    monkeypatch.setattr(compact, "_rewrite_by_key", noted)
    for namespace in namespaces:
        kind: Layout = "file" if namespace.startswith("usr") else layout
        one = cut.compact_overlay(namespace, layout=kind, maintenance=True)
        assert not called
        with monkeypatch.context() as patch:
            patch.setattr(compact, "placed_whole", no_placement)
            two = other.compact_overlay(namespace, layout=kind, maintenance=True)
        assert len(called) == 1
        called.clear()
        made, expected = pq.read_table(cut.dir / one.path), pq.read_table(other.dir / two.path)
        assert made.schema.equals(expected.schema)
        assert made.equals(expected)
        assert (one.rows, one.files, one.rows_dropped) == (two.rows, two.files, two.rows_dropped)
    assert cut.to_arrow().equals(other.to_arrow())
    assert cut.validate(deep=True).ok
    known = told(cut._store.keys().index, IDS)
    shutil.rmtree(cut.dir / KEYS)
    assert known == told(fresh_index(REAL, cut.dir), IDS)


def no_placement(*_: object, **__: object) -> None:
    raise NotPlaced


def test_a_key_in_two_parts_is_refused(made: Dataset) -> None:
    parts = sorted((made.dir / "_derived/lab").iterdir())
    again = pq.read_table(parts[0]).slice(0, 1)
    pq.write_table(again, parts[0].with_name(f"part-20260101T000000000000Z-{uuid4().hex}.parquet"))
    with pytest.raises(DuplicateKeyError, match="keep-newest"):
        Dataset(made.root, made.name).to_arrow()


def test_rows_of_a_key_that_the_base_does_not_have_change_nothing(made: Dataset) -> None:
    part = sorted((made.dir / "_derived/lab").iterdir())[0]
    stranger = values([compute_id("dna", "TTTTTTTTTTTT")], 7)
    pq.write_table(stranger, part.with_name(f"part-20260101T000000000000Z-{uuid4().hex}.parquet"))
    same_in_all_ways(made)


def test_a_damaged_part_is_told(made: Dataset) -> None:
    part = sorted((made.dir / "_derived/lab").iterdir())[0]
    data, keys = bytearray(part.read_bytes()), pq.read_metadata(part).row_group(0).column(0)
    data[keys.data_page_offset + keys.total_compressed_size - 1] ^= 255  # the last byte of a page
    part.write_bytes(data)
    with pytest.raises(CorruptFileError, match=part.name):
        Dataset(made.root, made.name).to_arrow()


@pytest.mark.parametrize("seed", range(30))
def test_damaged_keys_change_no_answer(seed: int, cut: Dataset) -> None:
    random = Random(seed)
    for name in random.sample(cached_files(REAL, cut.dir), k=1 + seed % 2):
        damage(REAL, cut.dir / KEYS / name, random)
    same_as_the_join(cut)


def test_keys_of_an_older_state_change_no_answer(cut: Dataset, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(cut.dir / KEYS, old)
    for name in ("deleted records", "rows with a part", "compaction", "materialization", "dropped rows"):
        CHANGES[name](cut)
        shutil.rmtree(cut.dir / KEYS)
        shutil.copytree(old, cut.dir / KEYS)
        same_as_the_join(cut)


def test_a_reader_that_is_dropped_lets_go_of_files_and_threads(cut: Dataset) -> None:
    before = open_files()
    for _ in range(5):
        reader = Dataset(cut.root, cut.name).scan(batch_size=1)
        reader.read_next_batch()
        del reader
    assert open_files() == before


@pytest.mark.parametrize("reordered", [True, False])
def test_a_join_too_large_for_memory_loses_the_order_and_is_sorted_from_there_on(
    reordered: bool, made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, original, asked = made.to_arrow(), _join._joined_rows, list[int | None]()

    def as_spilled(*args: Any, sorted_from: int | None = None, **options: Any) -> Iterator[pa.RecordBatch]:
        (all_rows,) = original(*args, sorted_from=sorted_from, **options)
        asked.append(sorted_from)
        if sorted_from is not None or reordered:
            return iter([all_rows])
        return iter([all_rows.slice(0, 4), all_rows.slice(6), all_rows.slice(4, 2)])

    monkeypatch.setattr(_join, "_joined_rows", as_spilled)
    with join_only():
        assert made.to_arrow().equals(whole)
    assert asked == ([None] if reordered else [None, 4])


def test_one_thread_of_a_join_goes_on_where_a_piece_ended(
    made: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reorder, "LEAST_ROWS", 1)
    with join_only():
        whole = made.to_arrow()
    version, view, _ = open_view(made._store)
    with version:
        query = Query(columns=view.columns)
        for begin in range(len(IDS) + 1):
            rest = pa.Table.from_batches(joined_batches(view, query, batch_size=5, begin=begin), whole.schema)
            assert rest.equals(whole.slice(begin))
