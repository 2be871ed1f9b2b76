"""A dataset with rows of several kinds of column, and the program that shows it."""

from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

SEQUENCES = ("ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT", "GGGGCCCC", "TTGACATATAAT")


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    """Three records, of which the first two have scores; the second one's are odd on purpose."""
    ids = add(dataset, *SEQUENCES)
    dataset.write_overlay_part(
        "score",
        pa.table(
            {
                "id": list(ids[:2]),
                "score__x": [0.5, float("nan")],
                "score__n": [2**53 + 1, None],
                "score__vec": pa.array([[1, 2.5], None], pa.list_(pa.float32(), 2)),
                "score__sites": [[{"tf": "CRP", "offset": 3}, {"tf": "LexA", "offset": 27}], []],
                "score__meta": [{"name": 'a "b", c', "gc": 0.5}, None],
                "score__when": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
            }
        ),
    )
    return dataset


@pytest.fixture
def program(root: Path, tmp_path: Path) -> Usr:
    return Usr(tmp_path, root)
