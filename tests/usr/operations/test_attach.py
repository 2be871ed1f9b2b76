"""Attaching columns from files and tables: what is written, what stays, what is refused."""

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    Dataset,
    DuplicateKeyError,
    MissingKeyError,
    NamespaceError,
    OverlayLayoutError,
    SchemaError,
    SequencesError,
    ValidationError,
    compute_id,
    register_namespace,
)
from dnadesign.usr.operations._keys import Key
from tests.usr.conftest import add, scores

BEYOND_FLOATS = 2**53 + 1


def values(dataset: Dataset, *columns: str) -> list[dict]:
    return dataset.to_arrow(["sequence", *columns]).to_pylist()


def last_event(dataset: Dataset) -> dict:
    return json.loads(dataset.events_path.read_bytes().splitlines()[-1])


@pytest.fixture
def ids(dataset: Dataset) -> tuple[str, ...]:
    return add(dataset, "ACGT", "GGCC", "TTAA")


def csv_file(folder: Path, text: str, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_csv_file_is_read_in_the_registered_types(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    path = csv_file(
        tmp_path,
        "id,score__n,score__x,score__vec,score__sites,score__meta,score__when\n"
        f'{ids[1]},{BEYOND_FLOATS},0.1,"[0.5, 2]","[{{""tf"": ""lexA"", ""offset"": 3}}]","{{""gc"": 1}}",'
        "2026-01-02T03:04:05.000000007Z\n",
    )
    result = dataset.attach(path, "score")
    assert (result.rows, result.rows_new, result.rows_total, result.rows_missing) == (1, 1, 1, 0)
    row = (
        dataset.to_arrow()
        .take([1])
        .select(["score__n", "score__x", "score__vec", "score__sites", "score__meta", "score__when"])
    )
    assert row.column("score__when").cast(pa.int64())[0].as_py() % 1000 == 7
    found = row.drop_columns(["score__when"]).to_pylist()[0]
    assert found == {
        "score__n": BEYOND_FLOATS,
        "score__x": 0.1,
        "score__vec": [0.5, 2.0],
        "score__sites": [{"tf": "lexA", "offset": 3}],
        "score__meta": {"name": None, "gc": 1.0},
    }
    assert pq.read_schema(dataset.dir / "_derived/score.parquet").field("score__vec").type == pa.list_(
        pa.float32(), 2
    )
    dataset.validate()


def test_whole_numbers_with_empty_cells_stay_whole_numbers(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    path = csv_file(tmp_path, f"id,score__n\n{ids[0]},\n{ids[1]},{BEYOND_FLOATS}\n{ids[2]},3.0\n")
    dataset.attach(path, "score")
    column = dataset.to_arrow(["score__n"]).column(0)
    assert column.type == pa.int64()
    assert column.to_pylist() == [None, BEYOND_FLOATS, 3]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "csv.gz", "jsonl.gz", "csv.zst", "parquet"])
def test_every_format_says_the_same(
    suffix: str, dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": ids[0], "score__n": 1, "score__x": 0.25},
        {"id": ids[2], "score__n": None, "score__x": 1e300},
    ]
    path = tmp_path / f"in.{suffix}"
    separator = "\t" if suffix == "tsv" else ","
    lines = [separator.join(rows[0])] + [
        separator.join("" if v is None else str(v) for v in row.values()) for row in rows
    ]
    text = "\n".join(lines if "jsonl" not in suffix else map(json.dumps, rows)) + "\n"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif suffix.endswith(".zst"):
        path.write_bytes(pa.Codec("zstd").compress(text.encode(), asbytes=True))
    else:
        path.write_text(text)
    dataset.attach(path, "score")
    assert values(dataset, "score__n", "score__x") == [
        {"sequence": "ACGT", "score__n": 1, "score__x": 0.25},
        {"sequence": "GGCC", "score__n": None, "score__x": None},
        {"sequence": "TTAA", "score__n": None, "score__x": 1e300},
    ]


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame, pd.DataFrame], ids=["pyarrow", "polars", "pandas"])
def test_tables_of_every_library_are_taken(make: type, dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay("score", make({"id": list(ids[:2]), "score__n": [1, 2]}))
    assert [row["score__n"] for row in values(dataset, "score__n")] == [1, 2, None]


def test_new_columns_join_old_ones_and_rows_that_are_not_given_keep_their_values(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay("score", pa.table({"id": ids[:2], "score__n": [1, 2], "score__x": [0.1, 0.2]}))
    result = dataset.write_overlay("score", pa.table({"id": ids[1:], "score__vec": [[1.0, 2.0], [3.0, 4.0]]}))
    assert (result.rows, result.rows_new, result.rows_total) == (2, 1, 3)
    result = dataset.write_overlay(
        "score", pa.table({"id": [ids[1]], "score__n": [20]}), allow_overwrite=True
    )
    assert (result.rows, result.rows_new) == (1, 0)
    assert values(dataset, "score__n", "score__x", "score__vec") == [
        {"sequence": "ACGT", "score__n": 1, "score__x": 0.1, "score__vec": None},
        {"sequence": "GGCC", "score__n": 20, "score__x": 0.2, "score__vec": [1.0, 2.0]},
        {"sequence": "TTAA", "score__n": None, "score__x": None, "score__vec": [3.0, 4.0]},
    ]
    dataset.validate()


def test_a_column_that_is_there_needs_leave_to_be_overwritten(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay("score", scores(ids, [1.0, 2.0, 3.0]))
    before = dataset.events_path.read_bytes()
    with pytest.raises(ValidationError, match="score__x already"):
        dataset.write_overlay("score", scores(ids[:1], [9.0]))
    assert dataset.events_path.read_bytes() == before


def test_an_attachment_starts_from_what_a_materialized_base_says(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    base = pq.read_table(dataset.records_path)
    wide = base.append_column("score__n", pa.array([7, 8, None], pa.int64())).append_column(
        "score__x", pa.array([0.7, 0.8, 0.9])
    )
    pq.write_table(wide.replace_schema_metadata(base.schema.metadata), dataset.records_path)
    with pytest.raises(ValidationError, match="score__n already"):
        dataset.write_overlay("score", pa.table({"id": ids[:1], "score__n": [70]}))
    dataset.write_overlay("score", pa.table({"id": ids[:1], "score__n": [70]}), allow_overwrite=True)
    assert [(r["score__n"], r["score__x"]) for r in values(dataset, "score__n", "score__x")] == [
        (70, 0.7),
        (8, 0.8),
        (None, 0.9),
    ]


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("sequence", ["GGCC", "ACGT"]),
        ("sequence_norm", [" GGCC\t", "ACGT "]),
        ("sequence_ci", ["ggCC", " acgt"]),
    ],
)
def test_sequences_as_keys_become_ids(
    key: Key, given: list[str], dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay("score", pa.table({"sequence": given, "score__n": [2, 1]}), key=key)
    assert [row["score__n"] for row in values(dataset, "score__n")] == [1, 2, None]
    stored = pq.read_table(dataset.dir / "_derived/score.parquet")
    assert stored.column("id").to_pylist() == [ids[0], ids[1]]


def test_keys_are_compared_as_they_are_stored(dataset: Dataset, ids: tuple[str, ...]) -> None:
    spaced = pa.table({"sequence": ["ACGT "], "score__n": [1]})
    with pytest.raises(MissingKeyError, match="'ACGT '"):
        dataset.write_overlay("score", spaced, key="sequence")
    with pytest.raises(SchemaError, match="is not an id"):
        dataset.write_overlay("score", pa.table({"id": [f" {ids[0]}"], "score__n": [1]}))
    with pytest.raises(MissingKeyError):
        dataset.write_overlay("score", pa.table({"sequence": ["acgt"], "score__n": [1]}), key="sequence_norm")
    dataset.write_overlay("score", spaced, key="sequence_norm")
    assert pq.read_table(dataset.dir / "_derived/score.parquet").column("id").to_pylist() == [ids[0]]


def test_case_can_only_be_ignored_where_it_tells_no_records_apart(dataset: Dataset) -> None:
    add(dataset, "ACGT", "acgt")
    with pytest.raises(DuplicateKeyError, match="one sequence if case is ignored"):
        dataset.write_overlay("score", pa.table({"sequence": ["ACGT"], "score__n": [1]}), key="sequence_ci")


def test_a_sequence_key_needs_one_kind_of_molecule(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.add_sequences(["MKV"], bio_type="protein", alphabet="protein_20")
    with pytest.raises(SchemaError, match="single bio_type"):
        dataset.write_overlay("score", pa.table({"sequence": ["ACGT"], "score__n": [1]}), key="sequence")


def test_keys_outside_the_base_are_refused_with_their_lines_or_left_out_and_counted(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    stranger = compute_id("dna", "AAAAAA")
    path = csv_file(tmp_path, f"id,score__n\n\n{ids[0]},1\n{stranger},2\n")
    with pytest.raises(MissingKeyError, match=r"line 4, column 'id': .* is not in the base"):
        dataset.attach(path, "score")
    result = dataset.attach(path, "score", allow_missing=True)
    assert (result.rows, result.rows_missing) == (1, 1)
    assert last_event(dataset)["metrics"]["rows_missing"] == 1


def test_nothing_is_written_where_no_row_is_left(dataset: Dataset, ids: tuple[str, ...]) -> None:
    before = dataset.events_path.read_bytes()
    result = dataset.write_overlay("score", scores((compute_id("dna", "A"),), [1.0]), allow_missing=True)
    assert (result.rows, result.rows_missing, result.path) == (0, 1, None)
    assert dataset.events_path.read_bytes() == before
    assert dataset.list_overlays() == ()


def test_a_key_twice_in_the_data_is_refused(dataset: Dataset, ids: tuple[str, ...]) -> None:
    with pytest.raises(DuplicateKeyError, match="row 2"):
        dataset.write_overlay("score", scores((ids[0], ids[1], ids[0]), [1.0, 2.0, 3.0]))


def faulty_file(folder: Path, ids: tuple[str, ...]) -> Path:
    """A file with a fault of every kind, and one good row."""
    rows = f"{ids[0]},abc,1.5\n{ids[1]},1,2\n{ids[1]},2,2\n{compute_id('dna', 'AAAAAA')},2,2\n,2,2\nzz,2,2\n{ids[2]},2\n"
    return csv_file(folder, f"id,score__x,score__n\n{rows}")


FAULTS = [
    "line 2, column 'score__x': 'abc' is not a float64",
    "line 2, column 'score__n': '1.5' is not an int64: expected a whole number",
    "line 4, column 'id': '{1}' stands in an earlier row too",
    "line 5, column 'id': '{3}' is not in the base",
    "line 6, column 'id': the key is empty",
    "line 7, column 'id': 'zz' is not an id (40 lower-case hex digits)",
    "line 8: has 2 cells, the header has 3",
]


def test_all_faults_of_a_file_are_told_at_once(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    before = dataset.events_path.read_bytes()
    path = faulty_file(tmp_path, ids)
    with pytest.raises(ValidationError) as told:
        dataset.attach(path, "score")
    lines = [fault.format(*ids, compute_id("dna", "AAAAAA")) for fault in FAULTS]
    assert told.value.message.split("\n  ") == [f"{path}: 7 faults", *lines]
    assert dataset.events_path.read_bytes() == before
    assert dataset.list_overlays() == ()


def test_a_dry_run_reports_all_faults_and_what_would_be_attached_and_changes_nothing(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    path = faulty_file(tmp_path, ids)
    before = dataset.events_path.read_bytes()
    found = dataset.attach(path, "score", dry_run=True)
    lines = [fault.format(*ids, compute_id("dna", "AAAAAA")) for fault in FAULTS]
    assert [f"{refusal.where}: {refusal.reason}" for refusal in found.refusals] == lines
    assert all(refusal.mend for refusal in found.refusals)
    assert (found.ok, found.dry_run, found.rows, found.rows_new, found.refused) == (False, True, 1, 1, 6)
    assert dataset.events_path.read_bytes() == before
    assert dataset.list_overlays() == ()


@pytest.mark.parametrize("key", ["id", "sequence", "sequence_norm", "sequence_ci"])
def test_a_dry_run_counts_what_the_real_run_then_does(
    key: Key, dataset: Dataset, ids: tuple[str, ...]
) -> None:
    sequences = dataset.to_arrow(["sequence"]).column(0).to_pylist()
    keys = list(ids) if key == "id" else sequences
    column = "id" if key == "id" else "sequence"
    dataset.write_overlay("score", pa.table({column: keys[1:2], "score__x": [0.5]}), key=key)
    data = pa.table(
        {column: [*keys[:2], "0" * 40 if key == "id" else "TTTTTTT"], "score__x": [1.0, 2.0, 3.0]}
    )
    options: dict[str, Any] = {"key": key, "allow_missing": True, "allow_overwrite": True}
    with pytest.raises(ValidationError, match="score__x already"):
        dataset.write_overlay("score", data, key=key, dry_run=True)
    planned = dataset.write_overlay("score", data, **options, dry_run=True).to_dict()
    done = dataset.write_overlay("score", data, **options).to_dict()
    told = ("rows", "rows_new", "rows_missing", "missing", "rows_total", "columns", "refused", "ok")
    assert {name: planned[name] for name in told} == {name: done[name] for name in told}
    assert (planned["rows"], planned["rows_new"], planned["rows_missing"]) == (2, 1, 1)


def test_only_the_first_twenty_faults_are_told_and_the_others_counted(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    rows = "".join(f"{compute_id('dna', 'A' * (n + 9))},1\n" for n in range(50))
    path = csv_file(tmp_path, f"id,score__n\n{rows}")
    with pytest.raises(MissingKeyError) as told:
        dataset.attach(path, "score")
    lines = told.value.message.split("\n  ")
    assert (lines[0], len(lines), lines[-1]) == (f"{path}: 50 faults", 22, "and 30 more")
    assert "allow_missing=True" in (told.value.mend or "")


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("score__n", "1.5", "line 2, column 'score__n'.*whole number"),
        ("score__n", "0x10", "line 2, column 'score__n'"),
        ("score__n", "9223372036854775808", "line 2, column 'score__n'"),
        ("score__x", "abc", "line 2, column 'score__x'"),
        ("score__x", "1e999", "too large"),
        ("score__vec", "[1]", "1 item"),
        ("score__vec", "1;2", "not JSON"),
        ("score__sites", '"[{""offset"": 1.5}]"', "offset.*1.5"),
        ("score__sites", '"[{""offset"": 1, ""strand"": 2}]"', "unknown field 'strand'"),
        ("score__sites", '"[{""offset"": 1, ""offset"": 2}]"', "stands twice"),
        ("score__meta", '"{""gc"": true}"', "gc.*true"),
        ("score__when", "2026-01-02", "expected a zone"),
        ("score__y", "1", "did you mean|known are"),
        ("x", "1", "name it 'score__x'"),
        ("score__n,score__n", "1,2", "twice"),
    ],
)
def test_what_does_not_fit_is_refused_by_line_and_column(
    header: str, row: str, message: str, dataset: Dataset, tmp_path: Path
) -> None:
    (key,) = add(dataset, "ACGT")
    path = csv_file(tmp_path, f"id,{header}\n{key},{row}\n")
    before = dataset.events_path.read_bytes()
    with pytest.raises(SchemaError, match=message):
        dataset.attach(path, "score")
    assert dataset.events_path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"id,score__n\n1\n", "line 2: has 1 cell, the header has 2"),
        ("a.csv", b'id,score__n\n1,"2\n', "line 2"),
        ("a.csv", b"id,score__n\n\xff,1\n", "UTF-8"),
        ("a.jsonl", b'{"id": 1}\n[1]\n', "line 2: expected a JSON object"),
        ("a.jsonl", b'{"id": \n', "line 1: not JSON"),
        ("a.csv.gz", gzip.compress(b"id,score__n\n" + b"1,2\n" * 9999, mtime=0)[:-9], "decompressed"),
        ("a.parquet", b"PAR1xxxx", "Parquet"),
        ("a.xlsx", b"", "name the format"),
    ],
)
def test_a_broken_file_is_named(
    name: str, content: bytes, message: str, dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SequencesError, match=message) as told:
        dataset.attach(path, "score")
    assert str(path) in str(told.value)


def test_text_in_place_of_a_list_is_json_unless_that_is_switched_off(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    table = pa.table({"id": [ids[0]], "score__vec": ["[1, 2]"]})
    with pytest.raises(SchemaError):
        dataset.write_overlay("score", table, parse_json=False)
    dataset.write_overlay("score", table)
    assert dataset.get(ids[0], columns=["score__vec"]).to_pylist() == [{"score__vec": [1.0, 2.0]}]


def test_columns_can_be_chosen_and_renamed(dataset: Dataset, ids: tuple[str, ...], tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"record,n,note\n{ids[0]},5,hello\n")
    dataset.attach(path, "score", key_col="record", columns={"n": "score__n"})
    assert dataset.get(ids[0], columns=["score__n"]).to_pylist() == [{"score__n": 5}]
    with pytest.raises(SchemaError, match="has no column 'm'; there are record, n, note\n"):
        dataset.attach(path, "score", key_col="record", columns={"m": "score__x"})
    with pytest.raises(SchemaError, match="did you mean 'note'\\?"):
        dataset.attach(path, "score", key_col="record", columns={"noet": "score__x"})


def test_lines_of_a_jsonl_file_may_leave_out_columns(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"id": "{ids[0]}", "score__n": 1}}\n\n{{"id": "{ids[1]}", "score__x": 2}}\n')
    dataset.attach(path, "score")
    assert dataset.list_overlays()[0].columns == ("score__x", "score__n")
    assert [(r["score__n"], r["score__x"]) for r in values(dataset, "score__n", "score__x")] == [
        (1, None),
        (None, 2.0),
        (None, None),
    ]


def test_parts_are_not_merged_into_and_the_way_out_is_named(dataset: Dataset, ids: tuple[str, ...]) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    for leave in (False, True):
        with pytest.raises(OverlayLayoutError, match="overlay-compact lab/promoters --namespace score"):
            dataset.write_overlay("score", scores(ids[1:2], [2.0]), allow_overwrite=leave)
    dataset.compact_overlay("score", maintenance=True)
    dataset.write_overlay("score", scores(ids[1:2], [2.0]), allow_overwrite=True)
    assert [row["score__x"] for row in values(dataset, "score__x")] == [1.0, 2.0, None]


@pytest.mark.parametrize(
    "namespace", ["..", "a/b", "", "Score", "usr", "usr_state", "nobody", "score__x", "score_"]
)
def test_namespaces_that_are_none_are_refused_before_any_path_is_built(
    namespace: str, dataset: Dataset, ids: tuple[str, ...]
) -> None:
    before = sorted(dataset.root.rglob("*"))
    with pytest.raises(NamespaceError):
        dataset.write_overlay(namespace, scores(ids, [1.0, 2.0, 3.0]))
    for verb in (dataset.compact_overlay, dataset.remove_overlay):
        if namespace not in ("usr", "usr_state"):
            with pytest.raises(NamespaceError):
                verb(namespace, maintenance=True)
    assert [path for path in sorted(dataset.root.rglob("*")) if ".usr" not in path.parts] == [
        path for path in before if ".usr" not in path.parts
    ]


def test_a_leftover_temporary_file_is_no_overlay(dataset: Dataset, ids: tuple[str, ...]) -> None:
    derived = dataset.dir / "_derived"
    dataset.write_overlay("score", scores(ids[:1], [1.0]))
    for name in (".score.parquet.tmp", "score.parquet.tmp", "score2.tmp.parquet.bak", ".hidden.parquet"):
        (derived / name).write_bytes(b"leftover")
    (derived / "empty").mkdir()
    assert [overlay.namespace for overlay in dataset.list_overlays()] == ["score"]
    dataset.write_overlay("score", scores(ids[1:2], [2.0]), allow_overwrite=True)
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, None]


def test_the_event_tells_the_true_numbers(dataset: Dataset, ids: tuple[str, ...], tmp_path: Path) -> None:
    result = dataset.attach(csv_file(tmp_path, f"id,score__n\n{ids[0]},1\n{ids[1]},2\n"), "score")
    file = dataset.dir / "_derived/score.parquet"
    event = last_event(dataset)
    assert event["action"] == "attach"
    assert event["metrics"] == {
        "namespace": "score",
        "rows": 2,
        "rows_incoming": 2,
        "rows_new": 2,
        "rows_missing": 0,
        "rows_total": 2,
        "bytes": file.stat().st_size,
    }
    assert event["fingerprint"] == {"rows": 2, "cols": 2, "size_bytes": result.bytes}
    assert event["artifacts"]["added"][0]["path"] == "_derived/score.parquet"
    assert dataset.verify_events(deep=True).ok


def test_a_part_written_after_an_attachment_joins_it_and_keys_stay_unique(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    dataset.write_overlay_part("score", scores(ids[:1], [1.0]))
    dataset.compact_overlay("score", maintenance=True)
    dataset.write_overlay("score", scores(ids[1:2], [2.0]), allow_overwrite=True)
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[1:2], [9.0]))
    dataset.write_overlay_part("score", scores(ids[2:], [3.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, 3.0]


def test_an_attachment_by_another_process_counts_for_keys_at_once(
    dataset: Dataset, ids: tuple[str, ...], tmp_path: Path
) -> None:
    dataset.write_overlay("score", scores(ids[:1], [1.0]))
    path = csv_file(tmp_path, f"id,score__x\n{ids[1]},2\n")
    code = (
        "import sys; from dnadesign.usr import Dataset\n"
        "Dataset(sys.argv[1], 'lab/promoters').attach(sys.argv[2], 'score', allow_overwrite=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(dataset.root), str(path)], check=True)
    with pytest.raises(DuplicateKeyError):
        dataset.write_overlay_part("score", scores(ids[1:2], [9.0]))
    dataset.write_overlay_part("score", scores(ids[2:], [3.0]))
    assert dataset.to_arrow(["score__x"]).column(0).to_pylist() == [1.0, 2.0, 3.0]


def test_an_overlay_of_an_older_tool_is_merged_into_and_comes_out_in_todays_form(
    dataset: Dataset, ids: tuple[str, ...]
) -> None:
    older = pa.table(
        {"id": pa.array(ids[:2], pa.large_string()), "score__n": pa.array([1, 2], pa.int64())}
    ).replace_schema_metadata(
        {
            "usr:overlay_namespace": "score",
            "usr:overlay_key": "id",
            "usr:overlay_created_at": "2026-01-01T00:00:00Z",
        }
    )
    (dataset.dir / "_derived").mkdir()
    pq.write_table(older, dataset.dir / "_derived/score.parquet")
    dataset.write_overlay("score", pa.table({"id": ids[1:], "score__x": [2.0, 3.0]}))
    stored = pq.read_table(dataset.dir / "_derived/score.parquet")
    assert stored.schema.field("id").type == pa.string()
    assert stored.select(["id", "score__n", "score__x"]).to_pylist() == [
        {"id": ids[0], "score__n": 1, "score__x": None},
        {"id": ids[1], "score__n": 2, "score__x": 2.0},
        {"id": ids[2], "score__n": None, "score__x": 3.0},
    ]
    assert b"usr:namespace_contract_hash" in stored.schema.metadata


def test_a_column_of_every_type_can_be_written_as_text(root: Path, tmp_path: Path) -> None:
    cells = {
        "bool": ("true", True),
        "uint64": ("18446744073709551615", 2**64 - 1),
        "int8": ("-128", -128),
        "float16": ("0.5", 0.5),
        "float32": ("0.5", 0.5),
        "large_string": (" kept ", " kept "),
        "binary": ("AAE=", b"\x00\x01"),
        "date32": ("2026-02-03", datetime(2026, 2, 3, tzinfo=UTC).date()),
        "timestamp[us, UTC]": ("2026-02-03T01:00:00+01:00", datetime(2026, 2, 3, tzinfo=UTC)),
        "list<string>": ('["a", null]', ["a", None]),
    }
    names = [f"kinds__c{i}" for i in range(len(cells))]
    register_namespace(root, namespace="kinds", columns=list(zip(names, cells, strict=True)))
    dataset = Dataset(root, "k").init()
    (key,) = add(dataset, "ACGT")
    path = tmp_path / "in.jsonl"
    text = {n: (c if k != "bool" else True) for n, (k, (c, _)) in zip(names, cells.items(), strict=True)}
    numbers = {"uint64", "int8", "float16", "float32"}
    text |= {n: json.loads(cells[k][0]) for n, k in zip(names, cells, strict=True) if k in numbers}
    path.write_text(json.dumps({"id": key, **text}) + "\n")
    dataset.attach(path, "kinds")
    expected = {n: v for n, (_, v) in zip(names, cells.values(), strict=True)}
    assert dataset.to_arrow(names).to_pylist() == [expected]
    table = tmp_path / "in.tsv"
    table.write_text(
        "\t".join(["id", *names])
        + "\n"
        + "\t".join([key, *(c for c, _ in cells.values())])
        .replace('"a"', '""a""')
        .replace('[""a"", null]', '"[""a"", null]"')
        + "\n"
    )
    dataset.attach(table, "kinds", allow_overwrite=True)
    assert dataset.to_arrow(names).to_pylist() == [expected]
