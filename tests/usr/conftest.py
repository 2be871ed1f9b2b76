"""A root with one namespace of every kind of column, and a dataset in it."""

from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace

COLUMNS = (
    "score__x:float64,score__n:int64,score__vec:fixed_size_list<float32>[2],"
    "score__sites:list<struct<tf:string,offset:int64>>,score__meta:struct<name:string,gc:float64>,"
    "score__when:timestamp[ns, UTC]"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    register_namespace(folder, namespace="score", columns=COLUMNS, owner="tests")
    return folder


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return Dataset(root, "lab/promoters").init(source="tests")


def add(dataset: Dataset, *sequences: str) -> tuple[str, ...]:
    return dataset.add_sequences(list(sequences), bio_type="dna", alphabet="dna_4").ids


def scores(ids: tuple[str, ...], values: list[float]) -> pa.Table:
    return pa.table({"id": list(ids), "score__x": values})
