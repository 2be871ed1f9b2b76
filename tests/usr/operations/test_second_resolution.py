"""Times of second resolution, which Parquet does not know, stay what is registered through every rewrite."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from dnadesign.usr import Dataset, parse_type_str, register_namespace
from tests.usr.conftest import add

MOMENT = datetime(2026, 11, 22, 20, 26, 32)  # noqa: DTZ001 - a column without a zone


@pytest.mark.parametrize(("kind", "value"), [("timestamp[s]", MOMENT), ("list<timestamp[s]>", [MOMENT])])
def test_times_in_seconds_survive_compaction_and_materialization(
    root: Path, dataset: Dataset, kind: str, value: object
) -> None:
    register_namespace(root, namespace="clock", columns=f"clock__at:{kind}")
    ids = add(dataset, "ACGT")
    dataset.write_overlay_part(
        "clock", pa.table({"id": list(ids), "clock__at": pa.array([value], parse_type_str(kind))})
    )
    dataset.compact_overlay("clock", maintenance=True)
    assert dataset.to_arrow(["clock__at"]).column(0).to_pylist() == [value]
    dataset.materialize(overlays="archive", maintenance=True)
    found = dataset.to_arrow(["clock__at"]).column(0)
    assert (found.to_pylist(), found.type) == ([value], parse_type_str(kind))
    assert dataset.check().ok
