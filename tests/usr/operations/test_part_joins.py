"""A part joins what its namespace has already, or is refused: it never makes the namespace unreadable."""

import shlex
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset, OverlayLayoutError, SchemaError, register_namespace, registry_hash
from dnadesign.usr.cli.app import run
from tests.usr.conftest import COLUMNS, add, scores


def put(
    dataset: Dataset, table: pa.Table, *, path: str | None = None, key: str = "id", **options: Any
) -> None:
    """An overlay file as an older tool leaves it."""
    metadata = {
        "usr:overlay_namespace": "score",
        "usr:overlay_key": key,
        "usr:overlay_created_at": options.pop("created", "2026-01-01T00:00:00+00:00"),
        "usr:registry_hash": registry_hash(dataset.root),
    }
    place = dataset.dir / "_derived" / (path or f"score/part-20260101T000000000000Z-{uuid4().hex}.parquet")
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), place, **options)


@pytest.mark.parametrize("key", ["sequence", "sequence_norm", "sequence_ci"])
def test_a_part_by_id_is_refused_beside_older_parts_by_sequence(dataset: Dataset, key: str) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    put(dataset, pa.table({"sequence": ["ACGT"], "score__x": [1.0]}), key=key)
    dataset = Dataset(dataset.root, dataset.name)

    for rows in (ids[:1], ids[1:]):
        with pytest.raises(OverlayLayoutError, match="keyed by sequence"):
            dataset.write_overlay_part("score", scores(rows, [2.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, None]

    dataset.compact_overlay("score", maintenance=True)
    dataset.write_overlay_part("score", scores(ids[1:], [2.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize("known", [True, False], ids=["same process", "another process"])
def test_a_part_is_refused_where_a_column_is_stored_in_a_type_that_was_registered_before(
    dataset: Dataset, known: bool
) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    dataset.write_overlay_part("score", scores(ids[:1], [1.5]))
    anew = COLUMNS.replace("score__x:float64", "score__x:string")
    register_namespace(dataset.root, namespace="score", columns=anew, overwrite=True)
    writer = dataset if known else Dataset(dataset.root, dataset.name)

    with pytest.raises(SchemaError, match=r"score__x.*float64.*string"):
        writer.write_overlay_part("score", pa.table({"id": [ids[1]], "score__x": ["high"]}))

    register_namespace(dataset.root, namespace="score", columns=COLUMNS, overwrite=True)
    writer.write_overlay_part("score", scores(ids[1:], [2.5]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.5, 2.5]


def test_a_part_joins_a_file_that_carries_no_arrow_schema(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    vector = pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2))
    put(dataset, pa.table({"id": [ids[0]], "score__vec": vector}), path="score.parquet", store_schema=False)

    dataset.write_overlay_part("score", pa.table({"id": [ids[1]], "score__vec": vector}))

    found = dataset.to_arrow(["score__vec"]).column(0)
    assert found.type == vector.type
    assert found.to_pylist() == [[1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    "created", [b"\xff\xfe", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", ""]
)
def test_a_file_whose_time_cannot_be_read_still_becomes_a_part(
    dataset: Dataset, created: str | bytes
) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    put(dataset, scores(ids[:1], [1.0]), path="score.parquet", created=created)

    dataset.write_overlay_part("score", scores(ids[1:], [2.0]))

    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0]


def test_a_hidden_file_beside_a_single_file_overlay_is_no_part(dataset: Dataset) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    dataset.write_overlay("score", scores(ids[:1], [1.0]))
    (dataset.dir / "_derived/score").mkdir()
    (dataset.dir / "_derived/score/.left-over").write_bytes(b"")

    dataset.write_overlay_part("score", scores(ids[1:], [2.0]))

    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0]


def test_the_way_out_that_an_error_names_is_a_command_that_works(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(dataset, "ACGT", "CCCC")
    put(dataset, pa.table({"sequence": ["ACGT"], "score__x": [1.0]}), path="score.parquet", key="sequence")
    with pytest.raises(OverlayLayoutError) as refused:
        dataset.write_overlay_part("score", scores(ids[1:], [2.0]))

    command = str(refused.value.mend).partition("usr ")[2]
    monkeypatch.setenv("USR_ROOT", str(dataset.root))
    assert run(shlex.split(command)) == 0

    dataset.write_overlay_part("score", scores(ids[1:], [2.0]))
