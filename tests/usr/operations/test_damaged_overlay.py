"""A damaged or lost overlay file harms whoever needs it and nobody else, and removing the overlay ends the harm."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    CorruptFileError,
    Dataset,
    OverlayLayoutError,
    SchemaError,
    SequencesError,
    ValidationError,
    compute_id,
    register_namespace,
)
from dnadesign.usr.contract.artifacts import MAX_LISTED
from dnadesign.usr.storage.save_rule import SaveRule

SEQUENCES = ["ACGTAC", "TTGACA", "GGCATT"]
IDS = [compute_id("dna", sequence) for sequence in SEQUENCES]
ALWAYS = SaveRule(files=1, rows=1, log_bytes=1, share=1)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """A bit in the first page, which a footer tells nothing of."""
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(bytes(data))


def scribble(path: Path) -> None:
    """A bit in the values of the first column, which a footer tells nothing of and a checksum does."""
    column = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.write_bytes(bytes(data))


UNREADABLE = [truncate, empty]
HARMS = [*UNREADABLE, flip, Path.unlink]


@pytest.fixture(params=["file", "parts"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(folder: Path, layout: str, *, keys: bool) -> Dataset:
    """Three records, with an overlay ``lab`` that is to be harmed and one ``other``."""
    for namespace in ("lab", "other"):
        register_namespace(folder, namespace=namespace, columns=f"{namespace}__x:int32")
    dataset = Dataset(folder, "set").init()
    if keys:
        dataset._store.save_rule = ALWAYS
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    for number, one in enumerate(IDS if layout == "parts" else IDS[:1]):
        dataset.write_overlay_part("lab", rows("lab", [one] if layout == "parts" else IDS, number))
    if layout == "file":
        dataset.compact_overlay("lab", maintenance=True)
    dataset.write_overlay_part("other", rows("other", IDS[:1], 5))
    return dataset


@pytest.fixture(params=[False, True], ids=["no-keys", "keys-on-disk"])
def dataset(layout: str, tmp_path: Path, request: pytest.FixtureRequest) -> Dataset:
    return made(tmp_path, layout, keys=request.param)


@pytest.fixture
def without_keys(layout: str, tmp_path: Path) -> Dataset:
    return made(tmp_path, layout, keys=False)


def rows(namespace: str, ids: list[str], value: int) -> pa.Table:
    return pa.table({"id": ids, f"{namespace}__x": pa.array([value] * len(ids), pa.int32())})


def harmed(dataset: Dataset) -> Path:
    """The file of the overlay that is harmed, the first of them."""
    return (
        sorted((dataset.dir / "_derived").glob("lab*/part-*.parquet"))[0]
        if (dataset.dir / "_derived/lab").is_dir()
        else dataset.dir / "_derived/lab.parquet"
    )


@pytest.mark.parametrize("harm", UNREADABLE)
def test_what_does_not_need_a_damaged_overlay_goes_on(
    dataset: Dataset, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = harmed(dataset)
    harm(path)
    caplog.set_level("WARNING", "dnadesign.usr")
    for found in (dataset, Dataset.open(dataset.root, "set")):
        caplog.clear()
        assert found.to_arrow(["id", "other__x"]).column(1).to_pylist() == [5, None, None]
        assert found.head(1, columns=["sequence"]).column(0).to_pylist() == SEQUENCES[:1]
        assert found.get(IDS[1], columns=["sequence"]).column(0).to_pylist() == SEQUENCES[1:2]
        assert str(path) in caplog.text and "it is left out" in caplog.text
    fresh = Dataset.open(dataset.root, "set")
    fresh.add_sequences(["CCCCCC"], bio_type="dna", alphabet="dna_4")
    fresh.write_overlay_part("other", rows("other", IDS[1:], 6))
    assert fresh.to_arrow(["other__x"]).column(0).to_pylist() == [5, 6, 6, None]


@pytest.mark.parametrize("harm", UNREADABLE)
def test_what_needs_a_damaged_overlay_is_told_what_can_be_done(
    dataset: Dataset, harm: Callable[[Path], None]
) -> None:
    path = harmed(dataset)
    harm(path)
    fresh = Dataset.open(dataset.root, "set")
    needs: list[Callable[[], object]] = [
        fresh.to_arrow,
        lambda: fresh.to_arrow(["lab__x"]),
        lambda: fresh.to_arrow(["id"], where="lab__x > 0"),
        lambda: fresh.head(3),
        lambda: fresh.get(IDS[0]),
        lambda: fresh.get(IDS[0], columns=["lab__x"]),
        lambda: fresh.compact_overlay("lab", maintenance=True),
        lambda: fresh.materialize(maintenance=True),
    ]
    for need in needs:
        with pytest.raises(CorruptFileError, match=path.name) as caught:
            need()
        assert "overlay-remove DATASET --namespace lab" in str(getattr(caught.value.mend, "command", ""))


@pytest.mark.parametrize("harm", UNREADABLE)
@pytest.mark.parametrize("after", ["keep", "drop", "archive"])
def test_one_overlay_is_materialized_beside_a_damaged_one(
    without_keys: Dataset, harm: Callable[[Path], None], after: Literal["keep", "drop", "archive"]
) -> None:
    path = harmed(without_keys)
    harm(path)
    damaged = path.read_bytes()
    fresh = Dataset.open(without_keys.root, "set")
    assert fresh.materialize(overlays=after, namespaces=["other"], maintenance=True).namespaces == ("other",)
    base = fresh.to_arrow(include_overlays=False)
    assert base.column("other__x").to_pylist() == [5, None, None]
    assert path.read_bytes() == damaged
    fresh.tombstone(IDS[0], reason="wrong")
    with pytest.raises(CorruptFileError, match=path.name):  # its rows of the records that go have to go too
        fresh.materialize(namespaces=[], drop_deleted=True, maintenance=True)


def test_an_overlay_whose_file_is_restored_is_written_on_by_the_same_writer(without_keys: Dataset) -> None:
    path = harmed(without_keys)
    kept = path.with_name("kept")
    shutil.copy(path, kept)
    truncate(path)
    fresh = Dataset.open(without_keys.root, "set")
    new = fresh.add_sequences(["CCCCCC"], bio_type="dna", alphabet="dna_4").ids
    with pytest.raises(CorruptFileError):
        fresh.write_overlay_part("lab", rows("lab", list(new), 9))
    kept.replace(path)
    fresh.write_overlay_part("lab", rows("lab", list(new), 9))
    assert fresh.to_arrow(["lab__x"]).column(0).to_pylist()[-1] == 9
    fresh.validate(deep=True)


@pytest.mark.parametrize("mode", ["archive", "delete"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_dataset_is_sound_again_once_a_harmed_overlay_is_removed(
    without_keys: Dataset, layout: str, harm: Callable[[Path], None], mode: str
) -> None:
    harm(harmed(without_keys))
    fresh = Dataset.open(without_keys.root, "set")
    result = fresh.remove_overlay("lab", mode=mode, maintenance=True)  # type: ignore[arg-type]
    gone = harm is Path.unlink
    assert (result.damaged, result.missing) == (0 if gone else 1, 1 if gone else 0)
    assert result.rows == (3 if harm is flip else 2 if layout == "parts" else 0)
    fresh.validate(deep=True)
    assert fresh.verify_events(deep=True).ok
    fresh.write_overlay_part("lab", rows("lab", IDS, 8))
    assert fresh.to_arrow(["lab__x"]).column(0).to_pylist() == [8, 8, 8]
    fresh.validate(deep=True)


def test_deleted_records_do_not_come_back_where_their_marks_are_damaged(
    without_keys: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "dnadesign.usr")
    without_keys.tombstone(IDS[:1], reason="wrong")
    truncate(without_keys.dir / "_derived/usr.parquet")
    fresh = Dataset.open(without_keys.root, "set")
    for need in (
        lambda: fresh.to_arrow(["id"]),
        lambda: fresh.to_arrow(["other__x"], where="length > 0"),
        lambda: fresh.head(3, columns=["id"]),
        lambda: fresh.get(IDS[1], columns=["sequence"]),
    ):
        with pytest.raises(CorruptFileError, match=r"usr\.parquet"):
            need()
    assert caplog.text == ""
    whole = fresh.scan(["id"], include_overlays=False, include_deleted=True).read_all()
    assert whole.column(0).to_pylist() == IDS


def test_of_many_parts_that_are_removed_the_damaged_ones_are_known(tmp_path: Path) -> None:
    register_namespace(tmp_path, namespace="lab", columns="lab__x:int32")
    dataset = Dataset(tmp_path, "set").init()
    sequences = [
        "".join("ACGT"[number >> shift & 3] for shift in (0, 2, 4, 6)) for number in range(MAX_LISTED + 5)
    ]
    ids = dataset.add_sequences(sequences, bio_type="dna", alphabet="dna_4").ids
    with dataset.transaction() as tx:  # as many parts at once take no time
        for one in ids:
            tx.write_overlay_part("lab", rows("lab", [one], 1))
    parts = sorted((dataset.dir / "_derived/lab").iterdir())
    truncate(parts[3])
    flip(parts[5])
    parts[7].unlink()
    result = dataset.remove_overlay("lab", maintenance=True)
    assert (result.damaged, result.missing, result.rows) == (2, 1, len(ids) - 2)
    assert dataset.check(deep=True).ok
    assert dataset.verify_events(deep=True).ok


def many(folder: Path, count: int) -> tuple[Dataset, tuple[str, ...]]:
    """An overlay of many parts, one a record, beside another one."""
    for namespace in ("lab", "other"):
        register_namespace(folder, namespace=namespace, columns=f"{namespace}__x:int32")
    dataset = Dataset(folder, "set").init()
    sequences = ["".join("ACGT"[number >> shift & 3] for shift in (0, 2, 4, 6)) for number in range(count)]
    ids = dataset.add_sequences(sequences, bio_type="dna", alphabet="dna_4").ids
    dataset.write_overlay_part("other", rows("other", list(ids[:2]), 5))
    return dataset, ids


@pytest.mark.parametrize("mode", ["archive", "delete"])
def test_removing_a_lost_file_and_many_parts_leaves_other_overlays_on_the_record(
    tmp_path: Path, mode: str
) -> None:
    dataset, ids = many(tmp_path, MAX_LISTED + 10)
    dataset.write_overlay("lab", rows("lab", list(ids[-1:]), 1))
    (dataset.dir / "_derived/lab.parquet").unlink()
    with dataset.transaction() as tx:
        for one in ids[:-1]:
            tx.write_overlay_part("lab", rows("lab", [one], 1))
    dataset.remove_overlay("lab", mode=mode, maintenance=True)  # type: ignore[arg-type]
    assert dataset.check(deep=True).problems == []


def test_removing_many_damaged_parts_leaves_a_dataset_that_is_sound_but_for_what_it_set_aside(
    tmp_path: Path,
) -> None:
    dataset, ids = many(tmp_path, MAX_LISTED + 5)
    with dataset.transaction() as tx:
        for one in ids:
            tx.write_overlay_part("lab", rows("lab", [one], 1))
    for path in (dataset.dir / "_derived/lab").iterdir():
        truncate(path)
    result = dataset.remove_overlay("lab", maintenance=True)
    assert result.damaged == len(ids)
    assert dataset.check().problems == []
    assert all("_archived" in problem.where for problem in dataset.check(deep=True).problems)


@pytest.fixture
def of_many_parts(tmp_path: Path) -> Dataset:
    dataset, ids = many(tmp_path, MAX_LISTED + 5)
    with dataset.transaction() as tx:
        for one in ids:
            tx.write_overlay_part("lab", rows("lab", [one], 1))
    return dataset


@pytest.mark.parametrize(
    "harms",
    [[truncate], [Path.unlink], [truncate, flip, Path.unlink], [empty] * 60],
    ids=["damaged", "lost", "each", "more-than-are-listed"],
)
def test_the_sound_ones_of_many_parts_that_are_removed_keep_their_hashes(
    of_many_parts: Dataset, harms: list[Callable[[Path], None]]
) -> None:
    parts = sorted((of_many_parts.dir / "_derived/lab").iterdir())
    for path, harm in zip(parts, harms, strict=False):
        harm(path)
    archive = of_many_parts.dir / str(of_many_parts.remove_overlay("lab", maintenance=True).archive)
    if len(harms) <= MAX_LISTED // 2:  # more of them are not listed, and decoded
        assert {finding.result for finding in of_many_parts.verify_events(deep=True).findings} == {"ok"}
    before = {problem.where for problem in of_many_parts.verify_events(deep=True).problems}
    sound = archive / parts[-1].name
    flip(sound)
    later = [
        problem for problem in of_many_parts.verify_events(deep=True).problems if problem.where not in before
    ]
    assert [problem.where for problem in later] == [str(sound.relative_to(of_many_parts.dir))]
    assert "are not those that event" in later[0].message


def test_compacting_many_parts_does_not_take_a_lost_one_off_the_record_until_the_overlay_is_removed(
    of_many_parts: Dataset,
) -> None:
    lost = sorted((of_many_parts.dir / "_derived/lab").iterdir())[3]
    lost.unlink()
    fresh = Dataset.open(of_many_parts.root, "set")
    fresh.compact_overlay("lab", maintenance=True)
    report = fresh.check(deep=True)
    assert [problem.where for problem in report.problems] == [str(lost.relative_to(fresh.dir))]
    assert not [finding for finding in report.findings if "keeps a hash" in finding.message]
    assert fresh.remove_overlay("lab", maintenance=True).missing == 1
    assert fresh.check(deep=True).problems == []


def test_a_part_does_not_join_a_restored_file_that_it_could_not_be_read_with(tmp_path: Path) -> None:
    register_namespace(tmp_path, namespace="lab", columns="lab__x:int32")
    dataset = Dataset(tmp_path, "set").init()
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    dataset.write_overlay_part("lab", rows("lab", IDS[:1], 1))
    register_namespace(tmp_path, namespace="lab", columns="lab__x:string", overwrite=True)
    path = harmed(dataset)
    kept = path.read_bytes()
    truncate(path)
    writer = Dataset.open(tmp_path, "set")
    writer.add_sequences(["CCCCCC"], bio_type="dna", alphabet="dna_4")
    path.write_bytes(kept)
    with pytest.raises(SchemaError, match="stores column 'lab__x' as int32"):
        writer.write_overlay_part("lab", pa.table({"id": IDS[1:2], "lab__x": ["a"]}))


def test_after_a_breaking_change_of_a_type_the_errors_say_that_the_overlay_has_to_go(tmp_path: Path) -> None:
    register_namespace(tmp_path, namespace="lab", columns="lab__x:float64")
    dataset = Dataset(tmp_path, "set").init()
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    dataset.write_overlay("lab", pa.table({"id": IDS, "lab__x": [1.0, 2.0, 3.0]}))
    register_namespace(tmp_path, namespace="lab", columns="lab__x:string", overwrite=True)
    table = pa.table({"id": IDS, "lab__x": ["a", "b", "c"]})
    for need in (
        lambda: dataset.write_overlay("lab", table, allow_overwrite=True),
        lambda: dataset.compact_overlay("lab", maintenance=True),
        lambda: dataset.to_arrow(["lab__x"]),
        dataset.validate,
    ):
        with pytest.raises(ValidationError) as caught:
            need()
        assert "remove_overlay('lab', maintenance=True)" in str(caught.value)
    dataset.remove_overlay("lab", maintenance=True)
    dataset.write_overlay("lab", table)
    assert dataset.to_arrow(["lab__x"]).column(0).to_pylist() == ["a", "b", "c"]


def told(call: Callable[[], object]) -> tuple[type[BaseException], str] | None:
    """What a call raises, in words without the places of files that are open."""
    try:
        call()
    except SequencesError as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(
    "harm", [truncate, empty, scribble, None], ids=lambda harm: getattr(harm, "__name__", "sound")
)
@pytest.mark.parametrize("on_duplicate", ["skip", "replace"])
def test_a_dry_run_of_a_merge_says_of_the_overlay_here_what_the_merge_says(
    dataset: Dataset,
    layout: str,
    harm: Callable[[Path], None] | None,
    on_duplicate: Literal["skip", "replace"],
) -> None:
    other = Dataset(dataset.root, "more").init()
    ids = other.add_sequences([*SEQUENCES, "CCCCCC"], bio_type="dna", alphabet="dna_4").ids
    other.write_overlay("lab", rows("lab", list(ids), 9))
    if harm is not None:
        harm(harmed(dataset))
    here = Dataset.open(dataset.root, "set")
    dry = told(lambda: here.merge_from(other, on_duplicate=on_duplicate, dry_run=True))
    expected: type[SequencesError] | None = None if harm is None else CorruptFileError
    if harm is None and layout == "parts" and on_duplicate == "replace":
        expected = OverlayLayoutError
    assert (dry and dry[0]) is expected
    if expected is None:
        foreseen = here.merge_from(other, on_duplicate=on_duplicate, dry_run=True)
        done = here.merge_from(other, on_duplicate=on_duplicate, maintenance=True)
        assert replace(done, dry_run=True, snapshot=None) == foreseen
    else:
        assert told(lambda: here.merge_from(other, on_duplicate=on_duplicate, maintenance=True)) == dry


@pytest.mark.parametrize("offset", range(60, 400, 20))
def test_a_dry_run_of_attaching_says_of_a_damaged_overlay_what_attaching_says(
    tmp_path: Path, offset: int
) -> None:
    dataset = made(tmp_path, "file", keys=False)
    path = harmed(dataset)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))
    table = tmp_path / "rows.csv"
    table.write_text(f"id,lab__x\n{IDS[0]},9\n")
    here = Dataset.open(tmp_path, "set")
    dry = told(lambda: here.attach(table, "lab", allow_overwrite=True, dry_run=True))
    assert told(lambda: here.attach(table, "lab", allow_overwrite=True)) == dry
