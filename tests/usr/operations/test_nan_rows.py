"""A row whose value is NaN is found by whoever asks for it, also through SQL of one's own and in the files themselves."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, register_namespace
from tests.usr.conftest import add

CONDITIONS = ["{} > 5", "isnan({})", "{} = 'nan'", "NOT ({} <= 2)"]
TYPES = {"float32": pa.float32(), "float64": pa.float64()}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("change", ["a part", "merged", "materialized"])
def test_a_condition_that_holds_for_nan_finds_its_row(
    change: str, kind: str, condition: str, tmp_path: Path
) -> None:
    register_namespace(tmp_path, namespace="lab", columns=f"lab__x:{kind}")
    dataset = Dataset(tmp_path, "set").init()
    ids = add(dataset, "ACGT", "GGCC", "TTAA")
    values = pa.array([1.0, float("nan"), 2.0], TYPES[kind])
    for rows in (slice(0, 2), slice(2, 3)):
        dataset.write_overlay_part("lab", pa.table({"id": ids[rows], "lab__x": values[rows]}))
    if change == "merged":
        dataset.compact_overlay("lab", maintenance=True)
    if change == "materialized":
        dataset.materialize(maintenance=True)
    where = condition.format("lab__x")
    assert [row["id"] for row in dataset.scan(where=where).read_all().to_pylist()] == [ids[1]]
    with dataset.connect() as db:
        assert db.view("records").filter(where).project("id").fetchall() == [(ids[1],)]
    stored = [p for p in (dataset.dir / "_derived").rglob("*.parquet") if "_archived" not in p.parts]
    files = [dataset.records_path] if change == "materialized" else stored
    assert duckdb.read_parquet([str(p) for p in files]).filter(where).project("id").fetchall() == [(ids[1],)]
