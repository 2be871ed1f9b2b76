"""Materializing: the values of overlays in the base, in their types, with everything going on as before."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dnadesign.usr import (
    Dataset,
    MaintenanceRequired,
    MissingKeyError,
    NamespaceError,
    SchemaError,
    ValidationError,
    register_namespace,
)
from dnadesign.usr.contract.type_grammar import TypeTree
from dnadesign.usr.contract.types import arrow_type_str, same_stored_type, to_arrow
from dnadesign.usr.operations.materialize import OverlaysAfter
from tests.examples import examples
from tests.usr.conftest import COLUMNS, add, scores
from tests.usr.contract.type_examples import shown, type_trees, values_of
from tests.usr.operations.maintained import TYPES, assert_sound, contents, events, names, rows

SEQUENCES = ("AAAA", "CCCC", "GGGG", "TTTT", "ACGT")


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    """Five records, of which four have a row in two parts."""
    ids = add(dataset, *SEQUENCES)
    dataset.write_overlay_part("score", rows(ids[2:4], start=2))
    dataset.write_overlay_part("score", rows(ids[:2]))
    return dataset


@pytest.mark.parametrize("overlays", ["keep", "drop", "archive"])
def test_the_base_has_the_merged_values_in_exactly_the_registered_types(
    filled: Dataset, overlays: OverlaysAfter
) -> None:
    before = filled.to_arrow()
    result = filled.materialize(overlays=overlays, maintenance=True)
    base = pq.read_table(filled.records_path)
    assert base.schema.remove_metadata().types[7:] == list(TYPES.values())
    assert base.select(before.column_names).to_pylist() == before.to_pylist()
    assert filled.to_arrow() == before
    assert result.columns == tuple(TYPES)
    assert (result.rows, result.bytes) == (5, filled.records_path.stat().st_size)
    assert [o.namespace for o in filled.list_overlays()] == (["score"] if overlays == "keep" else [])
    archived = list((filled.dir / "_derived" / "_archived").rglob("*.parquet"))
    assert len(archived) == (2 if overlays == "archive" else 0)
    assert_sound(filled)


@settings(
    max_examples=examples(8, share=0.02), phases=(Phase.explicit, Phase.generate)
)  # each example takes long
@given(data=st.data(), trees=st.lists(type_trees, min_size=6, max_size=6))
def test_any_type_comes_through_materializing_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, trees: list[TypeTree]
) -> None:
    root = tmp_path_factory.mktemp("root")
    kinds = {f"any__x{i}": to_arrow(tree) for i, tree in enumerate(trees)}
    register_namespace(
        root, namespace="any", columns=[(name, arrow_type_str(kind)) for name, kind in kinds.items()]
    )
    dataset = Dataset(root, "d").init()
    values = {
        name: pa.array(data.draw(st.lists(values_of(tree), min_size=3, max_size=3)), kinds[name])
        for name, tree in zip(kinds, trees, strict=True)
    }
    dataset.write_overlay_part("any", pa.table({"id": list(add(dataset, "A", "C", "G")), **values}))
    dataset.materialize(overlays="drop", maintenance=True)
    add(dataset, "T")
    stored, read = pq.read_table(dataset.records_path), dataset.to_arrow(list(kinds))
    for name, kind in kinds.items():
        assert same_stored_type(stored.column(name).type, kind, arrow_schema=True)
        assert read.column(name).type == kind
        assert shown(read.column(name).slice(0, 3)) == shown(values[name])
        assert read.column(name).slice(3).null_count == 1


@pytest.mark.parametrize("overlays", ["keep", "drop", "archive"])
def test_rows_imported_afterwards_have_null_and_can_get_values(
    filled: Dataset, tmp_path: Path, overlays: OverlaysAfter
) -> None:
    filled.materialize(overlays=overlays, maintenance=True)
    (tmp_path / "x.fa").write_text(">a\nACGTACGT\n")
    filled.import_file(tmp_path / "x.fa", alphabet="dna_4")
    new = add(filled, "GATTACA")
    assert filled.get(new, columns=list(TYPES)).to_pylist() == [dict.fromkeys(TYPES)]
    filled.write_overlay_part("score", rows(new))
    assert filled.get(new, columns=list(TYPES)).equals(rows(new).select(list(TYPES)))
    assert filled.to_arrow().num_rows == 7
    assert_sound(filled)


def test_an_overlay_row_written_afterwards_replaces_the_base_values_whole(filled: Dataset) -> None:
    filled.materialize(overlays="drop", maintenance=True)
    first = filled.to_arrow(["id"]).column(0)[0].as_py()
    filled.write_overlay_part("score", scores((first,), [9.0]))
    row = filled.get(first, columns=list(TYPES)).to_pylist()[0]
    assert row == dict.fromkeys(TYPES) | {"score__x": 9.0}
    filled.materialize(maintenance=True)
    assert pq.read_table(filled.records_path).slice(0, 1).to_pylist()[0]["score__n"] is None
    assert_sound(filled)


def test_deleted_records_go_for_good_with_their_rows_in_every_overlay(filled: Dataset) -> None:
    ids = filled.to_arrow(["id"]).column(0).to_pylist()
    filled.tombstone(ids[1:3])
    filled.set_state(ids[:2], qc_status="pass")
    result = filled.materialize(drop_deleted=True, maintenance=True)
    assert (result.rows, result.rows_dropped) == (3, 2)
    assert result.overlay_rows_dropped == {"score": 2, "usr": 2, "usr_state": 1}
    assert filled.to_arrow(["id"], include_deleted=True).column(0).to_pylist() == [ids[0], ids[3], ids[4]]
    assert {o.namespace: o.rows for o in filled.list_overlays()} == {"score": 2, "usr_state": 1}
    with pytest.raises(MissingKeyError):
        filled.get(ids[1], include_deleted=True)
    with pytest.raises(MissingKeyError):
        filled.write_overlay_part("score", scores((ids[1],), [1.0]))
    add(filled, "CCCC")
    filled.write_overlay_part("score", scores((ids[1],), [1.0]))
    assert_sound(filled)


def test_everything_happens_in_one_commit_and_the_files_of_before_are_kept(filled: Dataset) -> None:
    base = filled.records_path.read_bytes()
    first = filled.to_arrow(["id"]).column(0)[0].as_py()
    filled.tombstone(first)
    before = len(events(filled))
    with filled.maintenance(reason="tidy up"):
        filled.materialize(overlays="keep", drop_deleted=True)
    new = events(filled)[before:]
    assert [e["action"] for e in new] == ["snapshot", "materialize", "compact_overlay", "archive_overlay"]
    assert len({e["txid"] for e in new}) == 1
    assert {e["maintenance"]["reason"] for e in new} == {"tidy up"}
    assert new[1]["metrics"] == {
        "rows": 4, "rows_dropped": 1, "overlay_rows_dropped": 2, "namespaces": 1, "columns": 13,
        "bytes": filled.records_path.stat().st_size,
    }  # fmt: skip
    (snapshot,) = (filled.dir / "_snapshots").iterdir()
    assert snapshot.read_bytes() == base


def test_tombstones_and_record_state_stay_overlays(filled: Dataset) -> None:
    ids = filled.to_arrow(["id"]).column(0).to_pylist()
    filled.tombstone(ids[:1])
    filled.set_state(ids, split="train")
    filled.materialize(maintenance=True)
    assert not [n for n in pq.read_schema(filled.records_path).names if n.startswith("usr")]
    assert filled.to_arrow().num_rows == 4
    filled.restore(ids[:1])
    assert filled.to_arrow().num_rows == 5
    for namespace in ("usr", "usr_state"):
        with pytest.raises(NamespaceError, match="never written into the base"):
            filled.materialize(namespaces=[namespace], maintenance=True)


def test_metadata_of_the_base_is_kept(filled: Dataset) -> None:
    filled.freeze_registry(maintenance=True)
    before = pq.read_schema(filled.records_path).metadata
    filled.materialize(maintenance=True)
    after = pq.read_schema(filled.records_path).metadata
    kept = {key: value for key, value in before.items() if key.startswith(b"usr:")}
    assert len(kept) == 5
    assert {key: value for key, value in after.items() if key.startswith(b"usr:")} == kept


def test_only_some_namespaces_can_be_materialized(root: Path, filled: Dataset) -> None:
    register_namespace(root, namespace="extra", columns="extra__y:string")
    first = filled.to_arrow(["id"]).column(0)[0].as_py()
    filled.write_overlay_part("extra", pa.table({"id": [first], "extra__y": ["y"]}))
    before = filled.to_arrow()
    filled.materialize(namespaces=["extra"], overlays="drop", maintenance=True)
    assert pq.read_schema(filled.records_path).names[7:] == ["extra__y"]
    assert filled.to_arrow(before.column_names) == before
    with pytest.raises(NamespaceError, match="has no overlay 'extra'"):
        filled.materialize(namespaces=["extra"], maintenance=True)
    with pytest.raises(NamespaceError, match="did you mean 'score'"):
        filled.materialize(namespaces=["scores"], maintenance=True)
    assert_sound(filled)


def test_it_needs_maintenance_and_refusals_change_nothing(root: Path, filled: Dataset) -> None:
    before = contents(filled)
    with pytest.raises(MaintenanceRequired):
        filled.materialize()
    with pytest.raises(ValidationError, match="overlays 'remove'"):
        filled.materialize(overlays="remove", maintenance=True)  # type: ignore[arg-type]  # as users do
    assert contents(filled) == before
    other = COLUMNS.replace("score__n:int64", "score__n:string")
    register_namespace(root, namespace="score", columns=other, overwrite=True)
    before = contents(filled)
    with pytest.raises(SchemaError, match="column 'score__n' is stored as int64, and registered as string"):
        filled.materialize(maintenance=True)
    register_namespace(root, namespace="score", columns="score__n:int64", overwrite=True)
    with pytest.raises(SchemaError, match=r"column 'score__.*' is stored as .*, and not registered"):
        filled.materialize(maintenance=True)
    assert contents(filled) == before


def test_without_overlays_or_deleted_records_nothing_is_written(dataset: Dataset) -> None:
    add(dataset, "AAAA")
    before = contents(dataset)
    result = dataset.materialize(drop_deleted=True, maintenance=True)
    assert not result.changed
    assert contents(dataset) == before


def test_a_scan_that_began_before_goes_on_with_what_it_saw(filled: Dataset) -> None:
    expected = filled.to_arrow()
    reader = filled.scan(batch_size=1)
    ids = expected.column("id").to_pylist()
    filled.tombstone(ids[:2])
    filled.materialize(overlays="drop", drop_deleted=True, maintenance=True)
    assert reader.read_all() == expected


def test_what_it_did_can_be_told_as_json(filled: Dataset) -> None:
    result = filled.materialize(maintenance=True)
    told = json.loads(json.dumps(result.to_dict()))
    assert told["namespaces"] == ["score"]
    assert told["snapshot"] == f"_snapshots/{names(filled.dir / '_snapshots')[0]}"
