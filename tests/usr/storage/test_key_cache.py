"""Keys on the disk answer as the files do, after any history, and whatever happens to the files of the cache."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bench import NAME, make_dataset, new_parts
from benchmarks.generated import NAMESPACE
from dnadesign.usr import Dataset, DuplicateKeyError, register_namespace
from dnadesign.usr.contract.errors import SequencesError
from dnadesign.usr.contract.layout import KEYS
from dnadesign.usr.storage import key_index
from dnadesign.usr.storage.checked_blocks import DamagedCache, StoredArray
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.id_digests import digests_of
from dnadesign.usr.storage.key_cache import open_key_cache
from dnadesign.usr.storage.key_index import KeySet
from dnadesign.usr.storage.key_state import follow
from dnadesign.usr.storage.save_rule import SaveRule
from dnadesign.usr.storage.stored_keys import StoredKeys, write_keys
from dnadesign.usr.testing.simulated import SimulatedFileSystem
from tests.benchmarks.counting import CountingFileSystem
from tests.examples import examples
from tests.faults.changes import DATASET
from tests.faults.datasets import IDS, VERBS, dataset, problems_of, rows_of, with_dataset
from tests.usr.storage.cached_keys import (
    EAGER,
    cached_files,
    damage,
    eager,
    fresh_index,
    index_of_files,
    random_digests,
    told,
)

# Few distinct beginnings, so that many keys share their first 64 bits and the rest has to tell them apart.
KEYS_ALIKE = st.builds(
    lambda head, tail: bytes([head]) * 8 + bytes([tail]) * 12, st.integers(0, 3), st.integers(0, 255)
)


def as_digests(keys: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 20)


def stored(digests: np.ndarray, path: Path) -> StoredKeys:
    keys = KeySet()
    keys.add(digests)
    path.unlink(missing_ok=True)
    with opened(REAL, path, "create") as file:
        table = write_keys(file, keys.sorted_rows())
    return StoredKeys(REAL.open(path, "read"), len(digests), table)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@given(st.lists(KEYS_ALIKE, unique=True, max_size=700), st.lists(KEYS_ALIKE))
def test_stored_keys_that_begin_alike_are_told_apart(
    place: Path, keys: list[bytes], wanted: list[bytes]
) -> None:
    model = {key: ordinal for ordinal, key in enumerate(keys)}
    found = stored(as_digests(keys), place)
    for find in (found.find_once, found.find):
        assert find(as_digests(wanted)).tolist() == [model.get(key, -1) for key in wanted]
    found.close()


@pytest.mark.parametrize("count", [0, 1, 169, 170, 171, 340, 5_000])
def test_stored_keys_find_each_of_theirs_and_no_other(place: Path, count: int) -> None:
    digests = random_digests(count)
    found = stored(digests, place)
    for find in (found.find_once, found.find):
        assert find(digests).tolist() == list(range(count))
        assert find(random_digests(500, seed=1)).tolist() == [-1] * 500
    assert found.find(random_digests(500, seed=1)).tolist() == [-1] * 500
    edges = as_digests([b"\0" * 20, b"\xff" * 20])
    assert found.find(edges).tolist() == [-1, -1]
    found.close()


@pytest.mark.parametrize("count", [100, 5_000, 9_000])
def test_keys_that_are_looked_for_once_are_found_without_holding_the_file(place: Path, count: int) -> None:
    digests = random_digests(10_000)
    found = stored(digests, place)
    order = np.random.default_rng(count).permutation(10_000)[:count]
    wanted = np.concatenate([digests[order], random_digests(50, seed=2)])
    assert found.find_once(wanted).tolist() == [*order.tolist(), *[-1] * 50]
    assert not found._array._loaded.any()
    assert found.find(wanted).tolist() == [*order.tolist(), *[-1] * 50]
    found.close()


def test_many_keys_that_are_looked_for_once_have_each_block_read_about_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_index, "_CHUNK_ROWS", 5_000)
    digests, read = random_digests(60_000), list[int]()
    found = KeySet(stored=stored(digests[:50_000], place))
    found.add(digests[50_000:])
    checked = StoredArray._checked

    def counted(self: StoredArray, first: int, stop: int) -> bytes:
        read.append(stop - first)
        return checked(self, first, stop)

    monkeypatch.setattr(StoredArray, "_checked", counted)
    order = np.random.default_rng(3).permutation(60_000)
    assert found.find(digests[order], once=True).tolist() == order.tolist()
    assert found.stored is not None
    assert sum(read) < 1.2 * found.stored._array.form.blocks
    found.stored.close()


def test_keys_added_behind_stored_ones_have_the_ordinals_behind_theirs(place: Path) -> None:
    digests = random_digests(3_000)
    keys = KeySet(stored=stored(digests[:1_000], place))
    for start in range(1_000, 3_000, 50):
        keys.add(digests[start : start + 50])
    assert keys.find(digests).tolist() == list(range(3_000))
    again = KeySet()
    again.add(digests)
    merged = np.concatenate(keys.sorted_rows())
    assert np.array_equal(np.sort(merged, order="prefix"), again.sorted_rows()[0])


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_byte_is_found_or_is_not_read(place: Path, seed: int) -> None:
    random, digests = Random(seed), random_digests(2_000)
    whole = stored(digests, place)
    wanted = digests[random.randrange(2_000) :][: random.choice([1, 50])]
    expected = whole.find(wanted)
    whole.close()
    table = whole._array.form.bytes
    data = bytearray(place.read_bytes())
    data[random.randrange(table)] ^= 1 << random.randrange(8)
    place.write_bytes(data)
    table_sha256 = hashlib.sha256(bytes(data[table:])).hexdigest()
    damaged = StoredKeys(REAL.open(place, "read"), 2_000, table_sha256)
    try:
        assert np.array_equal(damaged.find(wanted), expected)
    except DamagedCache as error:
        assert "not what was written" in str(error)
    with pytest.raises(DamagedCache):
        damaged.rows()
    damaged.close()


# -- histories ---------------------------------------------------------------------------------------------------------

WRITES = ["add_sequences", "write_overlay_part", "transaction", "promotion", "write_overlay", "beta part"]
EVERY = [*VERBS, "beta part", *WRITES * 4]


def beta_part(found: Dataset) -> object:
    """A part with one row that its namespace does not have yet."""
    new = next((number for number in range(len(IDS)) if IDS[number] not in covered(found)), len(IDS))
    return found.write_overlay_part("beta", rows_of("beta", slice(new, new + 1)))


def covered(found: Dataset) -> set[str]:
    names = {overlay.namespace for overlay in found.list_overlays()}
    if "beta" not in names:
        return set()
    return set(
        found.to_arrow(["id"], where="beta__x IS NOT NULL", include_deleted=True).column("id").to_pylist()
    )


@pytest.fixture(scope="module")
def start() -> SimulatedFileSystem:
    return with_dataset()


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 1 << 32))
def test_the_index_of_a_process_that_begins_is_that_of_the_files_after_any_history(
    start: SimulatedFileSystem, seed: int
) -> None:
    random, fs = Random(seed), start.clone()
    writers, told_of = [some_writer(fs, random) for _ in range(2)], list[str]()
    older: dict[str, bytes] = {}
    for _ in range(10):
        name = random.choice(EVERY)
        writer = random.choice([*writers, some_writer(fs, random)])
        try:
            (beta_part if name == "beta part" else VERBS[name])(writer)
            told_of.append(name)
        except SequencesError as error:
            told_of.append(f"{name} ({type(error).__name__})")
        told_of += sabotage(fs, random, older)
        ids = [*IDS, *writer.to_arrow(["id"], include_deleted=True).column("id").to_pylist(), "0" * 40]
        expected = told(index_of_files(fs, DATASET), ids)
        assert told(fresh_index(fs, DATASET), ids) == expected, told_of
        for each in writers:
            state = each._store._keys
            if state is not None:
                each._store._keys = follow(fs, DATASET, state)
                assert told(each._store._keys.index, ids) == expected, told_of
    assert problems_of(fs) == []


def some_writer(fs: SimulatedFileSystem, random: Random) -> Dataset:
    """A writer that saves all of a coverage each time, or what came later beside it."""
    found = eager(dataset(fs))
    found._store.save_rule = replace(EAGER, between=random.choice([0, 1 << 14]))
    return found


def sabotage(fs: SimulatedFileSystem, random: Random, older: dict[str, bytes]) -> list[str]:
    """Do something to the files of the cache at times: damage one, or bring older ones back."""
    names = cached_files(fs, DATASET)
    if not names or random.random() < 0.5:
        return []
    for name in names:
        older.setdefault(name, fs.files(DATASET / KEYS)[name] or b"")
    if random.random() < 0.3:
        for name, data in older.items():
            with opened(fs, DATASET / KEYS / name, "open_or_create") as file:
                file.truncate(0)
                file.write_at(0, data)
        return ["older files are back"]
    name = random.choice(names)
    return [f"{name} {damage(fs, DATASET / KEYS / name, random)}"]


# -- costs and staleness -------------------------------------------------------------------------------------------------


def cached(root: Path, rows: int, parts: int) -> Dataset:
    make_dataset(root, rows, parts, 20)
    first = eager(Dataset(root, NAME))
    first.write_overlay_part(NAMESPACE, next(new_parts(first, rows, parts, 20)))
    return first


def test_a_process_that_begins_opens_no_part_that_the_cache_knows(tmp_path: Path) -> None:
    def opens(root: Path, parts: int) -> int:
        tables = itertools.islice(new_parts(cached(root, 3_000, parts), 3_000, parts, 20), 1, None)
        fs = CountingFileSystem()
        Dataset(root, NAME, fs=fs).write_overlay_part(NAMESPACE, next(tables))
        return fs.calls["open"]

    few, many = opens(tmp_path / "few", 2), opens(tmp_path / "many", 40)
    assert many - few <= 1  # of many parts, those that came later are in a second file of the cache


def test_a_process_that_begins_reads_about_as_much_whatever_the_base_has(tmp_path: Path) -> None:
    def read(root: Path, rows: int) -> int:
        tables = itertools.islice(new_parts(cached(root, rows, 3), rows, 3, 20), 1, None)
        fs = CountingFileSystem()
        Dataset(root, NAME, fs=fs).write_overlay_part(NAMESPACE, next(tables))
        return fs.bytes["read"]

    small, large = read(tmp_path / "small", 4_000), read(tmp_path / "large", 40_000)
    assert (
        large < small + 600_000
    )  # twenty keys, each in a block of 4 KiB and some around it; all keys are 960,000


def test_the_keys_of_many_new_parts_are_looked_up_in_one_go_through_the_cached_ones(tmp_path: Path) -> None:
    def reads(root: Path, new: int) -> int:
        tables = itertools.islice(new_parts(cached(root, 40_000, 3), 40_000, 3, 20), 1, None)
        other = Dataset(root, NAME)
        for table in itertools.islice(tables, new):
            other.write_overlay_part(NAMESPACE, table)
        fs = CountingFileSystem()
        Dataset(root, NAME, fs=fs).write_overlay_part(NAMESPACE, next(tables))
        return sum(KEYS in path.as_posix() for path in fs.read)

    one, many = reads(tmp_path / "one", 1), reads(tmp_path / "many", 30)
    assert 4 < one < 60  # some 20 blocks for each of two parts
    assert (
        many < 2 * one
    )  # not 30 times as many: there are 236 blocks, and those near to one another are read at once


def test_a_cache_is_good_in_a_copy_of_the_dataset(tmp_path: Path) -> None:
    made = cached(tmp_path / "root", 500, 3)
    (tmp_path / "copy").mkdir()
    for path in sorted(made.root.rglob("*")):
        target = tmp_path / "copy" / path.relative_to(made.root)
        target.mkdir(exist_ok=True) if path.is_dir() else target.write_bytes(path.read_bytes())
    end = made.events_path.stat().st_size
    assert open_key_cache(REAL, tmp_path / "copy" / NAME, end=end) is not None


def remove_part(made: Dataset) -> None:
    next(made.dir.glob(f"_derived/{NAMESPACE}/part-*.parquet")).unlink()


def remove_overlay(made: Dataset) -> None:
    for path in made.dir.glob(f"_derived/{NAMESPACE}/*"):
        path.unlink()


@pytest.mark.parametrize("change", [remove_part, remove_overlay])
def test_files_taken_away_by_hand_are_not_in_the_index(
    tmp_path: Path, change: Callable[[Dataset], None]
) -> None:
    made = cached(tmp_path / "root", 500, 3)
    change(made)
    cached_answer = told(fresh_index(REAL, made.dir), [])
    for path in (made.dir / KEYS).iterdir():
        path.unlink()
    assert cached_answer == told(fresh_index(REAL, made.dir), [])


def test_another_base_under_the_same_log_is_not_taken_for_the_cached_one(tmp_path: Path) -> None:
    made, other = cached(tmp_path / "root", 500, 3), cached(tmp_path / "other", 700, 3)
    made.records_path.write_bytes(other.records_path.read_bytes())
    assert len(fresh_index(REAL, made.dir).base) == 700


def test_what_cannot_be_written_keeps_no_change_from_being_made(tmp_path: Path) -> None:
    make_dataset(tmp_path / "root", 300, 3, 20)
    made = eager(Dataset(tmp_path / "root", NAME))
    (made.dir / KEYS).write_text("a file where the folder should be")
    made.write_overlay_part(NAMESPACE, next(new_parts(made, 300, 3, 20)))
    assert made.check().ok


def test_a_key_that_another_process_wrote_is_refused_by_one_that_began_with_the_cache(tmp_path: Path) -> None:
    made = cached(tmp_path / "root", 500, 3)
    table = next(itertools.islice(new_parts(made, 500, 3, 20), 1, None))
    began = Dataset(made.root, NAME)
    began.log_event("tool_ran")
    made.write_overlay_part(NAMESPACE, table)
    for writer in (began, Dataset(made.root, NAME)):
        with pytest.raises(DuplicateKeyError, match="20 of 20 keys are in the namespace already"):
            writer.write_overlay_part(NAMESPACE, table)


def test_small_datasets_have_nothing_on_the_disk(tmp_path: Path) -> None:
    make_dataset(tmp_path / "root", 300, 3, 20)
    assert not (tmp_path / "root" / NAME / KEYS).exists()


def test_old_files_of_the_cache_go_when_new_ones_come(tmp_path: Path) -> None:
    made = cached(tmp_path / "root", 500, 3)
    for table in itertools.islice(new_parts(made, 500, 3, 20), 1, 6):
        made.write_overlay_part(NAMESPACE, table)
        kinds = sorted(path.name.rpartition("-")[0] for path in (made.dir / KEYS).iterdir())
        assert kinds == ["", "base", NAMESPACE, f"{NAMESPACE}-later"]


def test_a_save_writes_the_rows_that_came_later_and_not_what_was_saved_before(tmp_path: Path) -> None:
    def written(root: Path, rows: int) -> list[int]:
        tables = itertools.islice(new_parts(cached(root, rows, 3), rows, 3, 20), 1, 5)
        fs = CountingFileSystem()
        writer = eager(Dataset(root, NAME, fs=fs))
        found = []
        for table in tables:
            fs.forget()
            writer.write_overlay_part(NAMESPACE, table)
            found.append(fs.bytes["write"])
        return found

    small, large = written(tmp_path / "small", 4_000), written(tmp_path / "large", 40_000)
    assert max(large) - min(small) < 2_000
    assert max(large) - min(large) < 2_000


@pytest.mark.parametrize(
    ("rows", "later", "whole"), [(10**7, 400_000, False), (10**7, 410_000, True), (100, 1_000, False)]
)
def test_all_is_saved_anew_once_what_came_later_is_as_long_to_write(
    rows: int, later: int, whole: bool
) -> None:
    assert SaveRule().wants_whole(rows, later) is whole


def test_a_coverage_that_is_saved_whole_again_has_one_file(tmp_path: Path) -> None:
    made = cached(tmp_path / "root", 500, 3)
    tables = itertools.islice(new_parts(made, 500, 3, 20), 1, 4)
    made.write_overlay_part(NAMESPACE, next(tables))
    assert len(list((made.dir / KEYS).glob(f"{NAMESPACE}-*"))) == 2
    made._store.save_rule = replace(EAGER, between=0)
    made.write_overlay_part(NAMESPACE, next(tables))
    assert len(list((made.dir / KEYS).glob(f"{NAMESPACE}-*"))) == 1
    assert told(fresh_index(REAL, made.dir), []) == told(made._store._keys.index, [])  # type: ignore[union-attr]


def test_a_process_that_made_the_base_does_not_write_its_keys_again_with_every_part(tmp_path: Path) -> None:
    register_namespace(tmp_path, namespace="score", columns="score__x:float64")
    dataset = eager(Dataset(tmp_path, "lab").init())
    ids = dataset.add_sequences(["A" * n for n in range(1, 9)], bio_type="dna", alphabet="dna_4").ids
    (base,) = (dataset.dir / KEYS).glob("base-*")
    written = base.stat().st_ino
    for key in ids[:4]:
        dataset.write_overlay_part("score", pa.table({"id": [key], "score__x": [1.0]}))
        assert base.stat().st_ino == written
    dataset.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4")
    assert not base.exists()


def test_a_cache_tells_which_part_has_a_row(tmp_path: Path) -> None:
    made = cached(tmp_path / "root", 500, 3)
    end = made.events_path.stat().st_size
    ids = made.to_arrow(["id"]).column("id")
    with open_key_cache(REAL, made.dir, end=end) or pytest.fail("no cache") as cache:
        assert cache.ordinals(digests_of(ids, where="test")).tolist() == list(range(500))
        parts = cache.part_of(NAMESPACE, np.arange(500))
        assert {part for part in parts if part is not None} == set(cache.files(NAMESPACE))
    has = made.to_arrow([f"{NAMESPACE}__score"]).column(0).is_valid().to_pylist()
    assert [part is not None for part in parts] == has


def test_a_cache_of_another_log_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    made, other = cached(tmp_path / "root", 500, 3), cached(tmp_path / "other", 500, 3)
    for path in (made.dir / KEYS).iterdir():
        path.unlink()
    for path in (other.dir / KEYS).iterdir():
        (made.dir / KEYS / path.name).write_bytes(path.read_bytes())
    assert open_key_cache(REAL, other.dir, end=1 << 40) is not None
    assert open_key_cache(REAL, made.dir, end=1 << 40) is None
