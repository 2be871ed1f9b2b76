"""Few rows that a condition on one overlay picks are those of the join, and are looked for without reading all others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace
from dnadesign.usr.operations import _merge, _overlay_hits
from tests.examples import examples
from tests.usr.operations.keyed_datasets import COLUMNS, IDS, ROWS, SEQUENCES, values
from tests.usr.operations.test_by_position import same_as_the_join
from tests.usr.storage.cached_keys import eager

MET_BY_OVERLAY_ROWS = (
    "lab__x > 2",
    "LAB__X BETWEEN 1 AND 4",
    "lab__x = 3",
    "lab__x < 0",
    "lab__x",
    "len(lab__v) = 2 AND lab__v[1] > 2",
    "list_contains(list_transform(lab__s, lambda s: s.tf), 'tf4')",
    "lab__x % 2 = 1 OR lab__v[1] = 4",
    "lab__x IS NOT NULL",
)
MET_BY_OTHERS = (
    "lab__x IS NULL",
    "coalesce(lab__x, 5) > 2",
    "lab__x > 2 AND length = 6",
    "sequence LIKE 'A%'",
    "true",
)


def make(root: Path, parts: list[list[int]]) -> Dataset:
    """A dataset with a part for each list of base rows, in that order."""
    register_namespace(root, namespace="lab", columns=COLUMNS)
    register_namespace(root, namespace="other", columns="other__y:int64")
    dataset = eager(Dataset(root, "set").init())
    dataset.add_sequences(SEQUENCES, bio_type="dna", alphabet="dna_4")
    for number, rows in enumerate(parts):
        dataset.write_overlay_part("lab", values([IDS[row] for row in rows], 3 * number))
    return dataset


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    """Seven of twelve rows are in parts, in base order, the second part being of earlier rows than the first."""
    return make(tmp_path, [[4, 6, 7], [0, 1], [9, 11]])


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """For each read whether few hits were all of it."""
    told: list[str] = []
    looked_for = _overlay_hits.batches_of_hits

    def found(*args: object, **options: object) -> Iterator[pa.RecordBatch]:
        yield from looked_for(*args, **options)  # type: ignore[arg-type]
        told.append("few hits")

    monkeypatch.setattr(_merge, "batches_of_hits", found)
    return told


@pytest.mark.parametrize("where", MET_BY_OVERLAY_ROWS)
def test_hits_are_looked_for_where_only_rows_of_the_overlay_can_meet_a_condition(
    where: str, made: Dataset, ways: list[str]
) -> None:
    for columns in (None, ["id"], ["lab__s", "sequence", "created_at"], ["length", "lab__x"], []):
        same_as_the_join(made, where=where, columns=columns)
        assert ways == ["few hits"]
        ways.clear()


@pytest.mark.parametrize("where", MET_BY_OTHERS)
def test_a_condition_that_others_can_meet_is_asked_of_all_rows(
    where: str, made: Dataset, ways: list[str]
) -> None:
    same_as_the_join(made, where=where)
    assert ways == []


LEFT_TO_OTHERS: dict[str, Callable[[Dataset], object]] = {
    "a deleted record": lambda d: d.tombstone(IDS[4]),
    "a part in another order": lambda d: d.write_overlay_part("lab", values([IDS[5], IDS[3]], 50)),
    "materialized columns": lambda d: (
        d.materialize(overlays="archive", maintenance=True),
        d.write_overlay_part("lab", values([IDS[3], IDS[5]], 50)),
    ),
    "another namespace": lambda d: d.write_overlay_part(
        "other", pa.table({"id": IDS[:2], "other__y": [1, 2]})
    ),
}


@pytest.mark.parametrize("change", LEFT_TO_OTHERS.values(), ids=LEFT_TO_OTHERS)
def test_what_does_not_fit_is_asked_of_all_rows(
    change: Callable[[Dataset], object], made: Dataset, ways: list[str]
) -> None:
    change(made)
    same_as_the_join(made, where="lab__x > 2")
    assert ways == []


STILL_FITS: dict[str, Callable[[Dataset], object]] = {
    "a part with one column": lambda d: d.write_overlay_part(
        "lab", values([IDS[3], IDS[5]], 50).select(["id", "lab__x"])
    ),
    "more base rows": lambda d: d.add_sequences(["TTTTTTTTT"], bio_type="dna", alphabet="dna_4"),
    "compaction": lambda d: d.compact_overlay("lab", maintenance=True),
    "a change by a process that saves no keys": lambda d: Dataset(d.root, d.name).write_overlay_part(
        "lab", values([IDS[3], IDS[5]], 50)
    ),
}


@pytest.mark.parametrize("change", STILL_FITS.values(), ids=STILL_FITS)
def test_they_are_looked_for_after_most_changes(
    change: Callable[[Dataset], object], made: Dataset, ways: list[str]
) -> None:
    change(made)
    assert same_as_the_join(made, where="lab__x > 2").num_rows
    assert ways == ["few hits"]


@pytest.mark.parametrize("limit", ["_MOST_HITS", "_MOST_BYTES"])
def test_many_hits_are_left_to_those_who_read_all_rows(
    limit: str, made: Dataset, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_overlay_hits, limit, 2)
    same_as_the_join(made, where="lab__x > 2")
    assert ways == []


def test_base_rows_are_read_some_at_a_time_where_they_are_long(
    made: Dataset, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_overlay_hits, "_row_bytes", lambda _: 1 << 25)
    batches = list(made.scan(where="lab__x > 2"))
    assert [batch.num_rows for batch in batches] == [2, 2]
    assert ways == ["few hits"]
    assert pa.Table.from_batches(batches).equals(same_as_the_join(made, where="lab__x > 2"))


def test_any_parts_and_conditions_give_the_rows_of_the_join(tmp_path: Path, ways: list[str]) -> None:
    rng = Random(3)
    count = examples(12)
    for number in range(count):
        rows = rng.sample(range(ROWS), rng.randrange(1, ROWS))
        cuts = sorted(rng.sample(range(len(rows) + 1), 2))
        parts = [part for part in (rows[: cuts[0]], rows[cuts[0] : cuts[1]], rows[cuts[1] :]) if part]
        in_order = rng.random() < 0.7
        folder = tmp_path / str(number)
        folder.mkdir()
        dataset = make(folder, [sorted(part) if in_order else part for part in parts])
        same_as_the_join(dataset, where=rng.choice(MET_BY_OVERLAY_ROWS + MET_BY_OTHERS))
    assert ways
