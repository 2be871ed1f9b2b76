"""No byte of a dataset can change unnoticed: each is held against the hash that it was written with."""

import os
from itertools import count
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import ConcurrentChangeError, Dataset, compute_id, register_namespace
from dnadesign.usr.operations import _check_files
from dnadesign.usr.operations._accounts import fold
from dnadesign.usr.storage import row_groups
from tests.usr.conftest import add, scores
from tests.usr.operations.maintained import events
from tests.usr.operations.test_artifacts import COLUMNS as TRACE_COLUMNS
from tests.usr.operations.test_artifacts import write

FLIPS = int(os.environ.get("USR_TEST_FLIPS", "300"))
PRIVATE = (".events.log", ".usr", ".usr.lock", "meta.md", "_events")  # the log itself, notes, what is rebuilt


def sequences(numbers: range) -> list[str]:
    return ["".join("ACGT"[n >> shift & 3] for shift in range(0, 16, 2)) for n in numbers]


@pytest.fixture
def grown(root: Path) -> Dataset:
    """A dataset that has been through everything that leaves bytes of an earlier base, or files, behind."""
    register_namespace(root, namespace="trace", columns=TRACE_COLUMNS)
    register_namespace(root, namespace="note", columns="note__text:string")
    dataset = Dataset(root, "lab/grown").init(source="tests")
    ids = add(dataset, *sequences(range(40)))
    dataset.write_overlay("note", pa.table({"id": ids[:9], "note__text": [f"n{i}" for i in range(9)]}))
    write(dataset, sequences(range(40, 44)), [{"x": [float(n)]} for n in range(4)])
    for n in range(3):
        dataset.write_overlay_part("score", scores(ids[n * 5 : n * 5 + 5], [n + 0.5] * 5))
    dataset.tombstone([ids[30]], reason="mistaken")
    with dataset.maintenance(reason="a test"):
        dataset.freeze_registry()
        dataset.compact_overlay("score")
        dataset.materialize(namespaces=["note"], overlays="archive")
    for n in range(44, 62):  # enough for the small row groups at the tail to be folded, more than once
        add(dataset, *sequences(range(n, n + 1)))
    dataset.write_overlay_part("score", scores(ids[20:25], [7.5] * 5))
    dataset.snapshot()
    return dataset


def held_files(dataset: Dataset) -> list[Path]:
    found = sorted(p for p in dataset.dir.rglob("*") if p.is_file())
    return [p for p in found if p.relative_to(dataset.dir).parts[0] not in PRIVATE]


def test_a_deep_validation_finds_every_bit_that_flips_and_names_the_file(grown: Dataset) -> None:
    assert grown.validate(deep=True).ok
    assert not [f for f in grown.verify_events(deep=True).findings if f.result == "note"]
    rng, files = Random(20), held_files(grown)
    assert {p.relative_to(grown.dir).parts[0] for p in files} == {
        "records.parquet", "_derived", "_artifacts", "_registry", "_snapshots"
    }  # fmt: skip
    unseen = []
    for number in range(FLIPS):
        path = files[number % len(files)]
        data = path.read_bytes()
        ends = [0, 3, len(data) - 1, len(data) - 5, len(data) - 8]
        place = ends[number // len(files)] if number // len(files) < len(ends) else rng.randrange(len(data))
        bit = rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        wheres = {problem.where for problem in grown.check(deep=True).problems}
        path.write_bytes(data)
        name = path.relative_to(grown.dir).as_posix()
        if name not in wheres:
            unseen.append(f"bit {bit} of byte {place} of {len(data)} in {name}: {wheres}")
    assert unseen == []
    assert grown.validate(deep=True).ok


def test_hashes_cover_all_bytes_of_the_base_whatever_is_appended_folded_or_rewritten(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        row_groups, "ROW_GROUP_ROWS", 8
    )  # imports of several row groups, folded in the middle
    rng, numbers = Random(3), count()
    for _ in range(60):
        rows = rng.choice([1, 1, 1, 2, 5, 19])
        first = next(numbers) * 20
        add(dataset, *sequences(range(first, first + rows)))
        if rng.random() < 0.05:
            dataset.materialize(maintenance=True)
        if rng.random() < 0.05:
            dataset.freeze_registry(maintenance=True)
        account = fold(dataset.events()).files["records.parquet"]
        assert account.gaps() == []
        assert account.bytes == dataset.records_path.stat().st_size
        assert dataset.verify_events(deep=True).ok
    groups = pq.read_metadata(dataset.records_path).num_row_groups
    assert groups > 3


def test_a_change_outside_usr_of_one_piece_is_told_with_the_piece_and_its_event(dataset: Dataset) -> None:
    for n in range(3):
        add(dataset, *sequences(range(n * 10, n * 10 + 10)))
    second = events(dataset)[2]
    data = bytearray(dataset.records_path.read_bytes())
    entry = second["artifacts"]["added"][0]
    place = entry["prefix_bytes"] + 7
    data[place] ^= 4
    dataset.records_path.write_bytes(data)
    problem = next(p for p in dataset.verify_events(deep=True).problems)
    end = entry["bytes"] - entry["footer_bytes"]
    assert problem.message == (
        f"bytes {entry['prefix_bytes']} to {end} are not those that event {second['event_id']} wrote"
    )


def test_many_parts_set_aside_at_once_keep_their_hashes(dataset: Dataset) -> None:
    ids = add(dataset, *sequences(range(120)))
    for each in ids:
        dataset.write_overlay_part("score", scores((each,), [1.0]))
    archive = dataset.compact_overlay("score", maintenance=True).archive
    assert dataset.verify_events(deep=True).ok
    part = sorted((dataset.dir / str(archive)).iterdir())[60]
    data = part.read_bytes()
    part.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert [p.where for p in dataset.verify_events(deep=True).problems] == [f"{archive}/{part.name}"]


def test_what_no_event_has_a_hash_of_is_decoded_with_its_checksums(dataset: Dataset) -> None:
    add(dataset, *sequences(range(40)))
    log = dataset.events_path.read_text()
    older = "".join(
        line.replace('"added":[', '"files":[').replace(',"removed":[]', "")
        for line in log.splitlines(keepends=True)
    )
    dataset.events_path.write_text(older)
    report = dataset.check(deep=True)
    assert report.ok, report.problems
    assert any("no event keeps a hash" in f.message for f in report.findings)
    data = bytearray(dataset.records_path.read_bytes())
    column = pq.read_metadata(dataset.records_path).row_group(0).column(5)  # source: no rule would notice
    data[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    dataset.records_path.write_bytes(data)
    assert {p.where for p in dataset.check(deep=True).problems} == {"records.parquet"}


def test_ids_of_the_grown_dataset_are_those_of_its_sequences(grown: Dataset) -> None:
    table = grown.to_arrow(["id", "sequence"], include_deleted=True)
    assert table.column("id").to_pylist() == [compute_id("dna", s) for s in table.column(1).to_pylist()]
    assert table.num_rows == 62


def test_writers_that_are_too_quick_are_no_fault_of_the_dataset(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(dataset, "ACGT")

    def too_quick(*_: object, **__: object) -> None:
        add(dataset, *sequences(range(next(numbers), next(numbers))))
        raise ConcurrentChangeError("changed each of the times that its files were listed", mend="try again")

    numbers = count(start=100)
    monkeypatch.setattr(_check_files, "consistent_files", too_quick)
    for check in (dataset.check, dataset.validate, dataset.verify_events):
        with pytest.raises(ConcurrentChangeError):
            check()
