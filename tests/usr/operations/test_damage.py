"""No byte of a dataset can change unnoticed: each is held against the hash that it was written with."""

import os
from itertools import count
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import ConcurrentChangeError, Dataset, compute_id
from dnadesign.usr.operations import _check_files
from dnadesign.usr.operations._accounts import fold
from dnadesign.usr.storage import row_groups
from tests.conftest import OURS
from tests.usr.conftest import add, scores
from tests.usr.operations.bit_flips import FLIPS_VARIABLE, grow, held_files, sequences, unseen_flips
from tests.usr.operations.maintained import events

FLIPS = int(os.environ.get(FLIPS_VARIABLE, "300"))


@pytest.fixture
def grown(root: Path) -> Dataset:
    return grow(root)


def test_a_deep_validation_finds_every_bit_that_flips_and_names_the_file(grown: Dataset) -> None:
    assert grown.validate(deep=True).ok
    assert not [f for f in grown.verify_events(deep=True).findings if f.result == "note"]
    assert {p.relative_to(grown.dir).parts[0] for p in held_files(grown)} == {
        "records.parquet", "_derived", "_artifacts", "_registry", "_snapshots"
    }  # fmt: skip
    assert unseen_flips(grown, Random(20), flips=FLIPS) == (FLIPS, [])
    assert grown.validate(deep=True).ok


def test_the_number_of_flips_can_be_given_by_the_environment() -> None:
    assert not FLIPS_VARIABLE.startswith(OURS)  # those are taken away before a test is loaded


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
        f"bytes {entry['prefix_bytes']} to {end} are not those that event {second['event_id']} wrote: it is damaged, or "
        "was changed outside usr"
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
