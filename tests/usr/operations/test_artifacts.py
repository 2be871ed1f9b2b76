"""Arrays beside the tables: equal arrays are equal files, rows find them, nothing foreign is loaded."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dnadesign.usr import (
    CorruptFileError,
    Dataset,
    SchemaError,
    SequencesError,
    ValidationError,
    compute_id,
    register_namespace,
)
from dnadesign.usr.storage.artifact_file import decode_arrays, encode_arrays
from tests.examples import examples
from tests.usr.conftest import add

COLUMNS = (
    "trace__npz_ref:string,trace__npz_sha256:string,trace__npz_bytes:int64,"
    "trace__npz_arrays:list<struct<name:string,dtype:string,shape:list<int64>>>"
)
KINDS = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(sizes=(64, 128))
    | hnp.byte_string_dtypes()
    | hnp.unicode_string_dtypes()
)
ARRAYS = hnp.arrays(KINDS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


@pytest.fixture
def traced(root: Path) -> Dataset:
    register_namespace(root, namespace="trace", columns=COLUMNS)
    return Dataset(root, "traced").init()


def write(dataset: Dataset, sequences: list[str], arrays: list[dict]) -> list:
    with dataset.transaction() as tx:
        tx.add_sequences(sequences, bio_type="dna", alphabet="dna_4")
        refs = [tx.write_artifact("trace", each) for each in arrays]
        rows = [
            {"id": compute_id("dna", s), **ref.columns("trace")}
            for s, ref in zip(sequences, refs, strict=True)
        ]
        tx.write_overlay_part("trace", pa.Table.from_pylist(rows))
    return refs


@settings(max_examples=examples(60))
@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,5}", fullmatch=True), ARRAYS, min_size=1))
def test_arrays_come_back_as_they_were_from_bytes_that_depend_on_nothing_else(arrays: dict) -> None:
    encoded = encode_arrays(arrays)
    other = {
        name: np.array(array, dtype=array.dtype.newbyteorder(">"), order="F")
        for name, array in arrays.items()
    }
    again = encode_arrays(dict(reversed(other.items())))
    assert encoded.data == again.data
    assert encoded.sha256 == hashlib.sha256(encoded.data).hexdigest()
    found = decode_arrays(encoded.data, where="x", sha256=encoded.sha256)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("<")


@pytest.mark.parametrize(
    "array",
    [
        np.array([None]),
        np.array([{"a": 1}], dtype=object),
        np.array(["2026-01-01"], "M8[D]"),
        np.zeros(2, [("a", "i4")]),
        [[1], [1, 2]],
        2**70,
    ],
    ids=["none", "object", "time", "struct", "ragged", "huge"],
)
def test_what_is_no_plain_array_is_refused(array: Any) -> None:
    with pytest.raises(SchemaError, match="'a'"):
        encode_arrays({"a": array})


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "a.npy", "a b", "a" * 201])
def test_names_that_would_not_be_plain_members_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="array name"):
        encode_arrays({name: np.arange(2)})


def test_rows_find_their_arrays(traced: Dataset) -> None:
    refs = write(
        traced, ["ACGT", "GGCC", "TTTT"], [{"x": np.arange(4)}, {"x": np.arange(4)}, {"y": np.eye(2)}]
    )
    assert refs[0].path == refs[1].path
    assert refs[0].path == f"_artifacts/trace/{refs[0].sha256}.npz"
    assert (traced.dir / refs[2].path).stat().st_size == refs[2].bytes
    np.testing.assert_array_equal(traced.read_artifact(refs[2])["y"], np.eye(2))
    for row in traced.to_arrow().to_pylist():
        assert traced.read_artifact(row).keys() == {info["name"] for info in row["trace__npz_arrays"]}
    np.testing.assert_array_equal(traced.read_artifact(refs[0].path)["x"], np.arange(4))
    assert [info.referenced for info in traced.list_artifacts()] == [True, True]
    assert traced.verify_events(deep=True).ok
    assert traced.validate().ok


def test_arrays_are_there_if_and_only_if_their_rows_are(traced: Dataset) -> None:
    with pytest.raises(RuntimeError), traced.transaction() as tx:
        tx.write_artifact("trace", {"x": np.arange(2)})
        raise RuntimeError
    with pytest.raises(ValidationError, match="no later part refers"), traced.transaction() as tx:
        tx.write_artifact("trace", {"x": np.arange(2)})
    (key,) = add(traced, "ACGT")
    part = pa.table({"id": [key], "trace__npz_bytes": [1]})
    with pytest.raises(ValidationError, match="no row refers to"), traced.transaction() as tx:
        tx.write_artifact("trace", {"x": np.arange(2)})
        tx.write_overlay_part("trace", part)
    with pytest.raises(ValidationError, match="not open"):
        tx.write_artifact("trace", {"x": np.arange(2)})
    assert not (traced.dir / "_artifacts").exists()
    assert traced.list_artifacts() == ()


@pytest.mark.parametrize(
    ("ref", "sha256", "message"),
    [
        (f"_artifacts/trace/{'0' * 64}.npz", None, "is not there"),
        ("../other.npz", None, "not of the form"),
        (f"_artifacts/trace/{'0' * 64}.npz", "1" * 64, "differ"),
    ],
)
@pytest.mark.parametrize("verb", ["write_overlay_part", "write_overlay"])
def test_rows_that_lead_nowhere_are_refused(
    ref: str, sha256: str | None, message: str, verb: str, traced: Dataset
) -> None:
    (key,) = add(traced, "ACGT")
    table = pa.table(
        {"id": [key], "trace__npz_ref": [ref], "trace__npz_sha256": pa.array([sha256], pa.string())}
    )
    with pytest.raises(SchemaError, match=message):
        getattr(traced, verb)("trace", table)
    assert traced.list_overlays() == ()


def test_a_batch_committed_again_gives_the_same_result_and_no_file_twice(traced: Dataset) -> None:
    results = []
    for _ in range(2):
        with traced.transaction(batch_id="b") as tx:
            tx.add_sequences(["ACGT"], bio_type="dna", alphabet="dna_4")
            ref = tx.write_artifact("trace", {"x": np.arange(3)})
            tx.write_overlay_part(
                "trace", pa.Table.from_pylist([{"id": compute_id("dna", "ACGT"), **ref.columns("trace")}])
            )
        results.append((tx.result.txid, tx.result.results[1]))
    assert results[0] == results[1]
    assert len(traced.list_artifacts()) == 1


def test_many_arrays_in_one_commit_do_not_hide_the_part_in_its_event(traced: Dataset) -> None:
    sequences = ["".join("ACGT"[(i >> (2 * k)) & 3] for k in range(4)) for i in range(120)]
    write(traced, sequences, [{"n": np.array(i)} for i in range(120)])
    added = json.loads(traced.events_path.read_bytes().splitlines()[-1])["artifacts"]["added"]
    assert [entry["path"].split("/")[0] for entry in added] == ["_derived", "_artifacts"]
    assert added[1]["files"] == 120
    assert traced.validate().ok
    write(traced, ["GATTACA"], [{"n": np.array(7)}])
    assert traced.validate().ok


@pytest.mark.parametrize(
    "ref",
    [
        "../x.npz",
        "/etc/passwd",
        "records.parquet",
        f"_artifacts/../_artifacts/trace/{'0' * 64}.npz",
        "",
        "_artifacts",
    ],
)
def test_no_path_leads_out_of_the_artifacts(ref: str, traced: Dataset) -> None:
    with pytest.raises(ValidationError, match="is not an artifact"):
        traced.read_artifact(ref)


def test_a_link_that_leaves_the_dataset_is_not_followed(traced: Dataset, tmp_path: Path) -> None:
    (ref,) = write(traced, ["ACGT"], [{"x": np.arange(2)}])
    outside = tmp_path / "outside"
    (traced.dir / "_artifacts/trace").rename(outside)
    (traced.dir / "_artifacts/trace").symlink_to(outside)
    with pytest.raises(ValidationError, match="is not an artifact"):
        traced.read_artifact(ref)


def test_bytes_that_are_others_are_never_loaded(traced: Dataset) -> None:
    (ref,) = write(traced, ["ACGT"], [{"x": np.arange(2)}])
    path = traced.dir / ref.path
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CorruptFileError, match="hash"):
        traced.read_artifact(ref)
    path.unlink()
    with pytest.raises(CorruptFileError, match="gone"):
        traced.read_artifact(ref)
    report = traced.check()
    assert any(p.check == "artifacts" and "is not there" in p.message for p in report.problems)


def test_pickled_arrays_are_never_loaded() -> None:
    sink = io.BytesIO()
    np.savez(sink, x=np.array([print], dtype=object))
    data = sink.getvalue()
    with pytest.raises(CorruptFileError, match="plain arrays"):
        decode_arrays(data, where="x", sha256=hashlib.sha256(data).hexdigest())


def test_only_arrays_that_nothing_refers_to_are_pruned(traced: Dataset) -> None:
    refs = write(traced, ["ACGT", "GGCC"], [{"x": np.arange(2)}, {"x": np.arange(3)}])
    assert traced.prune_artifacts(maintenance=True).files == 0
    assert b"artifacts_prune" not in traced.events_path.read_bytes()
    traced.remove_overlay("trace", maintenance=True)
    assert traced.prune_artifacts(maintenance=True).files == 0, "the archived overlay refers to them"
    one = {"id": [compute_id("dna", "ACGT")]} | {k: [v] for k, v in refs[0].columns("trace").items()}
    traced.write_overlay_part("trace", pa.table(one))
    for path in (traced.dir / "_derived/_archived").rglob("*.parquet"):
        path.unlink()
    result = traced.prune_artifacts(maintenance=True)
    assert (result.files, result.bytes) == (1, refs[1].bytes)
    assert [info.path for info in traced.list_artifacts()] == [refs[0].path]
    traced.read_artifact(refs[0])
    with pytest.raises(SequencesError):
        traced.read_artifact(refs[1])


def test_a_masked_array_is_refused_for_its_mask_would_be_lost() -> None:
    with pytest.raises(SchemaError, match="array 'scores' is masked"):
        encode_arrays({"scores": np.ma.array([1.0, 2.0], mask=[False, True])})
    whole = encode_arrays({"scores": np.ma.array([1.0, 2.0], mask=[False, False])})
    assert whole.sha256 == encode_arrays({"scores": np.array([1.0, 2.0])}).sha256
