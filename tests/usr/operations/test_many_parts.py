"""Parts that repeat a key are refused in SQL too, and many parts need no more descriptors than there are."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, DuplicateKeyError
from tests.usr.conftest import add, scores

SEQUENCES = [f"{'ACGT'[i // 16]}{'ACGT'[i // 4 % 4]}{'ACGT'[i % 4]}" for i in range(64)]
LIMITED = """
import resource, sys
from dnadesign.usr import Dataset, SequencesError
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[3])))
dataset = Dataset(sys.argv[1], "lab/promoters")
layout = sys.argv[4]
try:
    print(dataset.to_arrow(["score__x"]).num_rows)
except SequencesError as error:
    print(type(error).__name__, error.mend)
dataset.compact_overlay("score", layout=layout, maintenance=True)
print(dataset.list_overlays()[0].files, dataset.to_arrow(["score__x"]).column(0).to_pylist() == [float(n) for n in range(64)])
"""


def in_limits(root: Path, soft: int, hard: int, layout: str = "file") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(root), str(soft), str(hard), layout],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.stdout.splitlines()


def test_sql_refuses_a_key_that_several_parts_have(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    dataset.write_overlay_part("score", scores(ids, [1.0, 2.0]))
    (part,) = (dataset.dir / "_derived/score").iterdir()
    again = pq.read_table(part).slice(0, 1)
    pq.write_table(again, part.with_name(f"part-20260101T000000000000Z-{uuid4().hex}.parquet"))

    with pytest.raises(DuplicateKeyError, match="keep-newest"):
        dataset.connect()


def test_sql_counts_every_record_once_beside_overlays_and_tombstones(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC", "GGGG")
    dataset.write_overlay_part("score", scores(ids[1:], [1.0, 2.0]))
    dataset.tombstone(ids[:1])

    assert dataset.connect().sql("SELECT count(*), sum(score__x) FROM records").fetchall() == [(2, 3.0)]


@pytest.fixture
def in_parts(dataset: Dataset) -> Dataset:
    ids = add(dataset, *SEQUENCES)
    with dataset.transaction() as tx:
        for row in range(len(ids)):
            tx.write_overlay_part("score", pa.table({"id": ids[row : row + 1], "score__x": [float(row)]}))
    return dataset


def test_a_soft_descriptor_limit_is_raised_for_reading_and_for_compaction(in_parts: Dataset) -> None:
    assert in_limits(in_parts.root, 40, 4096) == ["64", "1 True"]


@pytest.mark.parametrize("layout", ["file", "part"])
@pytest.mark.parametrize("hard", [80, 96])
def test_parts_are_read_with_few_descriptors_beside_those_that_pin_them(
    in_parts: Dataset, hard: int, layout: str
) -> None:
    assert in_limits(in_parts.root, 40, hard, layout) == ["64", "1 True"]


@pytest.mark.parametrize("layout", ["file", "part"])
@pytest.mark.parametrize("hard", [60, 68])
def test_parts_beyond_the_hard_limit_are_told_with_the_way_out_which_works(
    in_parts: Dataset, hard: int, layout: str
) -> None:
    told, then = in_limits(in_parts.root, 40, hard, layout)

    assert told.startswith("StorageError")
    assert "overlay-compact" in told
    assert "ulimit -n" in told
    assert then == "1 True"
    assert in_parts.validate(deep=True).ok
