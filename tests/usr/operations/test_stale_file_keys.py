"""Cached keys of an overlay's file are not trusted once the log tells of another file under its name.

Older versions could save the keys of the file before beside the footer's hash of the new one, so that the hash alone does
not tell.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import CorruptFileError, Dataset, DuplicateKeyError, SequencesError
from dnadesign.usr.contract.layout import KEYS, overlay_file
from dnadesign.usr.storage import few_files, key_state
from dnadesign.usr.storage.filesystem import REAL
from dnadesign.usr.storage.key_manifest import INDEX, mark_base, read_manifest
from tests.faults.mutants import rewritten
from tests.usr.operations.keyed_datasets import IDS, make_dataset, values
from tests.usr.storage.cached_keys import eager, fresh_index, told


@dataclass(frozen=True)
class Case:
    """A file whose keys are cached, and the change that puts another in its place."""

    namespace: str
    cached: Callable[[Dataset], object]
    changed: Callable[[Dataset], object]


def other_rows(dataset: Dataset, ids: list[str]) -> None:
    if "lab" in [overlay.namespace for overlay in dataset.list_overlays()]:
        dataset.remove_overlay("lab", mode="delete", maintenance=True)
    dataset.write_overlay("lab", values(ids, 50))


CASES = {
    "more deleted records": Case("usr", lambda d: d.tombstone(IDS[7:9]), lambda d: d.tombstone(IDS[2:4])),
    "more states": Case(
        "usr_state",
        lambda d: d.set_state(IDS[7:9], qc_status="pass"),
        lambda d: d.set_state(IDS[2:4], qc_status="fail"),
    ),
    "as many other rows": Case("lab", lambda d: other_rows(d, IDS[5:9]), lambda d: other_rows(d, IDS[1:5])),
}


def with_stale_keys(root: Path, case: Case) -> Dataset:
    """A dataset whose cache has the keys of the file before, and the hash of the footer of the one that is there."""
    made = make_dataset(root)
    case.cached(eager(Dataset(made.root, made.name)))
    before = read_manifest(REAL, made.dir)
    case.changed(Dataset(made.root, made.name))
    assert before is not None
    assert read_manifest(REAL, made.dir) == before
    entry = before.namespaces[case.namespace]
    footer = mark_base(REAL, made.dir / overlay_file(case.namespace)).footer_sha256
    assert footer != entry.footer_sha256
    entries = {**before.namespaces, case.namespace: replace(entry, footer_sha256=footer)}
    (made.dir / INDEX).write_bytes(replace(before, namespaces=entries).to_bytes())
    return made


READS: dict[str, Callable[[Dataset], Any]] = {
    "get": lambda d: d.get(IDS[2:5]),
    "get of one": lambda d: d.get(IDS[2]),
    "get also of deleted": lambda d: d.get(IDS[2:5], include_deleted=True),
    "head": lambda d: d.head(4),
    "head also of deleted": lambda d: d.head(3, include_deleted=True),
    "scan": lambda d: d.to_arrow(),
    "scan also of deleted": lambda d: d.to_arrow(include_deleted=True),
    "scan of some": lambda d: d.to_arrow(["id"], where="lab__x IS NULL"),
}


def answers(dataset: Dataset) -> dict[str, Any]:
    """What processes that begin read, or are told."""
    found: dict[str, Any] = {}
    for name, read in READS.items():
        try:
            found[name] = read(Dataset(dataset.root, dataset.name)).to_pylist()
        except SequencesError as error:
            found[name] = (type(error), str(error))
    return found


def told_of(dataset: Dataset) -> dict[str, Any]:
    """What a process that begins to write knows."""
    return told(fresh_index(REAL, dataset.dir), IDS)


def without_cache(dataset: Dataset) -> Dataset:
    shutil.rmtree(dataset.dir / KEYS)
    return dataset


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_reader_reads_the_new_file_and_not_by_the_keys_of_the_old_one(case: Case, tmp_path: Path) -> None:
    made = with_stale_keys(tmp_path, case)
    assert answers(made) == answers(without_cache(made))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_writer_knows_the_keys_of_the_new_file(case: Case, tmp_path: Path) -> None:
    made = with_stale_keys(tmp_path, case)
    assert told_of(made) == told_of(without_cache(made))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_read_shows_that_a_reader_does_not_look_whether_the_log_tells_of_another_file(
    case: Case, tmp_path: Path
) -> None:
    made = with_stale_keys(tmp_path, case)
    with rewritten(few_files._add_overlays, (" if namespace not in tail.refill else frozenset()", "")):
        found = answers(made)
    true = answers(without_cache(made))
    assert {"get", "get also of deleted"} <= {name for name in true if found[name] != true[name]}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_known_shows_that_a_writer_does_not_look_whether_the_log_tells_of_another_file(
    case: Case, tmp_path: Path
) -> None:
    made = with_stale_keys(tmp_path, case)
    with (
        rewritten(key_state._coverage_of, (" or namespace in tail.refill", "")),
        rewritten(
            key_state._apply_overlays, ("sorted(tail.refill)", "sorted(tail.refill - set(index.waiting))")
        ),
    ):
        found = told_of(made)
    assert found != told_of(without_cache(made))


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not-cached"])
def test_a_writer_that_knows_the_keys_of_a_damaged_part_goes_on_and_one_that_does_not_refuses(
    tmp_path: Path, cached: bool
) -> None:
    made = make_dataset(tmp_path)
    part = sorted((made.dir / "_derived/lab").iterdir())[0]
    taken, whole = pq.read_table(part).column("id").to_pylist(), part.read_bytes()
    (new,) = made.add_sequences(["ACGTTGCAACGT"], bio_type="dna", alphabet="dna_4").ids
    eager(made).write_overlay_part("lab", values([new], 7))
    part.write_bytes(whole[:100])
    (last,) = made.add_sequences(["TTGACATTGACA"], bio_type="dna", alphabet="dna_4").ids
    if not cached:
        shutil.rmtree(made.dir / KEYS)
    writer = Dataset(made.root, made.name)
    if cached:
        writer.write_overlay_part("lab", values([last], 7))
        with pytest.raises(DuplicateKeyError):  # also while the part cannot be read
            writer.write_overlay_part("lab", values(taken[:1], 7))
    else:
        with pytest.raises(CorruptFileError, match=part.name):
            writer.write_overlay_part("lab", values([last], 7))
    part.write_bytes(whole)
    assert Dataset(made.root, made.name).check(deep=True).ok
