"""Exporting: every value as it is, in base order, and a file that is whole or not there."""

import gzip
import json
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from dnadesign.usr import Dataset, SchemaError, StorageError, ValidationError, register_namespace
from dnadesign.usr.contract.type_grammar import TypeTree
from dnadesign.usr.contract.types import arrow_type_str, to_arrow
from tests.examples import examples
from tests.usr.conftest import add, scores
from tests.usr.contract.type_examples import shown, type_trees, values_of
from tests.usr.operations.maintained import TYPES, contents, names, rows


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    ids = add(dataset, "AAAA", "CCCC", "GGGG", "TTTT")
    dataset.write_overlay_part("score", rows(ids[:3]))
    return dataset


def test_times_in_utc_stay_that_and_are_never_given_the_name_of_another_zone(
    filled: Dataset, tmp_path: Path
) -> None:
    """DuckDB calls the zone Etc/UTC, or whatever TZ says."""
    wanted = {"created_at": pa.timestamp("us", "UTC"), "score__when": pa.timestamp("ns", "UTC")}
    filled.export(tmp_path / "x.parquet")
    snapshot = filled.dir / filled.snapshot().path
    schemas = {
        "export": pq.read_schema(tmp_path / "x.parquet"),
        "export, columns chosen": _exported(filled, tmp_path / "y.parquet", ["score__when", "created_at"]),
        "scan": filled.scan().schema,
        "scan where": filled.scan(where="length > 3").read_all().schema,
        "head": filled.head(1).schema,
        "get": filled.get(filled.head(1)["id"].to_pylist()).schema,
        "schema": filled.schema(),
        "snapshot": pq.read_schema(snapshot),
    }
    for name, schema in schemas.items():
        for column, kind in wanted.items():
            if column in schema.names:
                assert schema.field(column).type == kind, name
                assert schema.field(column).type.tz == "UTC", name


def _exported(dataset: Dataset, path: Path, columns: list[str]) -> pa.Schema:
    dataset.export(path, columns=columns)
    return pq.read_schema(path)


def test_parquet_has_exactly_the_registered_types_and_the_rows_of_a_scan(
    filled: Dataset, tmp_path: Path
) -> None:
    result = filled.export(tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table == filled.to_arrow()
    assert [table.schema.field(name).type for name in TYPES] == list(TYPES.values())
    assert (result.rows, result.bytes) == (4, (tmp_path / "x.parquet").stat().st_size)


def test_csv_tells_null_from_an_empty_text_and_has_nested_values_as_json(root: Path, tmp_path: Path) -> None:
    register_namespace(root, namespace="note", columns="note__a:string,note__b:list<int64>,note__c:bool")
    dataset = Dataset(root, "d").init()
    ids = add(dataset, "AA", "CC", "GG")
    data = {
        "note__a": ["", None, 'a "b",\nc'],
        "note__b": [[1, None], None, []],
        "note__c": [True, False, None],
    }
    dataset.write_overlay_part("note", pa.table({"id": list(ids), **data}))
    dataset.export(tmp_path / "x.csv", columns=["sequence", *data])
    assert (tmp_path / "x.csv").read_bytes() == (
        b'sequence,note__a,note__b,note__c\nAA,"","[1, null]",true\nCC,,,false\nGG,"a ""b"",\nc",[],\n'
    )
    options = pa_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    read = pa_csv.read_csv(tmp_path / "x.csv", convert_options=options, parse_options=parse)
    assert read.column("note__a").to_pylist() == data["note__a"]


def test_jsonl_is_one_object_a_line_in_the_order_of_the_columns(filled: Dataset, tmp_path: Path) -> None:
    filled.export(tmp_path / "x.jsonl", columns=["sequence", "score__meta", "score__when"])
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == ["AAAA", "CCCC", "GGGG", "TTTT"]
    assert list(json.loads(lines[0])) == ["sequence", "score__meta", "score__when"]
    assert json.loads(lines[0])["score__when"] == "2026-01-01T23:30:00.000000000Z"


def test_fasta_has_the_id_as_name_and_what_was_asked_for_behind_it(filled: Dataset, tmp_path: Path) -> None:
    columns = ["length", "score__x", "score__meta", "source"]
    filled.export(tmp_path / "x.fa", columns=columns, where="score__x = 0 OR score__x IS NULL")
    ids = filled.to_arrow(["id"]).column(0).to_pylist()
    assert (tmp_path / "x.fa").read_text() == (
        f'>{ids[0]} length=4 score__x=0.0 score__meta={{"name":"m0","gc":null}} source=""\nAAAA\n'
        f'>{ids[1]} length=4 source=""\nCCCC\n>{ids[3]} length=4 source=""\nTTTT\n'
    )


@pytest.mark.parametrize(
    "name", ["x.fa", "x.csv", "x.tsv", "x.jsonl", "x.parquet", "x.fa.gz", "x.csv.zst", "x.jsonl.gz"]
)
def test_what_is_exported_can_be_imported_again(filled: Dataset, tmp_path: Path, name: str) -> None:
    core = ["id", "bio_type", "sequence", "alphabet", "length", "source", "created_at"]
    filled.export(tmp_path / name, columns=None if ".fa" in name else core)
    again = Dataset(filled.root, "again").init()
    assert again.import_file(tmp_path / name, alphabet="dna_4").accepted == 4
    columns = ["id", "sequence"] if ".fa" in name else core
    assert again.to_arrow(columns) == filled.to_arrow(columns)


@settings(
    max_examples=examples(8, share=0.02), phases=(Phase.explicit, Phase.generate)
)  # each example takes long
@given(data=st.data(), trees=st.lists(type_trees, min_size=4, max_size=4))
def test_values_of_any_type_come_back_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, trees: list[TypeTree]
) -> None:
    """An empty text or binary in CSV comes back as null: the format has one word for both."""
    root = tmp_path_factory.mktemp("root")
    kinds = {f"any__x{i}": to_arrow(tree) for i, tree in enumerate(trees)}
    spec = [(name, arrow_type_str(kind)) for name, kind in kinds.items()]
    register_namespace(root, namespace="any", columns=spec)
    dataset = Dataset(root, "d").init()
    values = {
        name: pa.array(data.draw(st.lists(values_of(tree), min_size=3, max_size=3)), kinds[name])
        for name, tree in zip(kinds, trees, strict=True)
    }
    dataset.write_overlay("any", pa.table({"id": list(add(dataset, "A", "C", "G")), **values}))
    for format in (data.draw(st.sampled_from(("csv", "tsv"))), "jsonl", "parquet"):
        path = root / f"x.{format}"
        dataset.export(path, columns=["id", *kinds])
        # Arrow writes the first second that nanoseconds reach, but does not read it: it is refused, not changed.
        assume(format == "parquet" or "1677-09-21T00:12:43" not in path.read_text())
        again = Dataset(root, f"again-{format}").init()
        add(again, "A", "C", "G")
        again.attach(path, "any")
        read = again.to_arrow(list(kinds))
        for name in kinds:
            expected = without_empty(values[name]) if format in ("csv", "tsv") else values[name]
            assert shown(read.column(name)) == shown(expected), (format, name)


def without_empty(values: pa.Array) -> pa.Array:
    return pa.array([None if value in ("", b"") else value for value in values.to_pylist()], values.type) if (
        pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_binary(values.type)
    ) else values  # fmt: skip


def test_numbers_that_json_has_no_words_for_come_back(dataset: Dataset, tmp_path: Path) -> None:
    values = [math.nan, math.inf, -math.inf]
    ids = add(dataset, "A", "C", "G")
    dataset.write_overlay("score", scores(ids, values))
    for format in ("csv", "jsonl"):
        dataset.export(tmp_path / f"x.{format}", columns=["id", "score__x"])
        dataset.attach(tmp_path / f"x.{format}", "score", allow_overwrite=True)
        assert str(dataset.to_arrow(["score__x"]).column(0).to_pylist()) == str(values)


def test_only_some_rows_columns_and_overlays_can_be_had(filled: Dataset, tmp_path: Path) -> None:
    ids = filled.to_arrow(["id"]).column(0).to_pylist()
    filled.tombstone(ids[0])
    path = tmp_path / "x.jsonl"
    assert filled.export(path, columns=["sequence"], where="length = 4").rows == 3
    assert filled.export(path, columns=["sequence"], include_deleted=True).rows == 4
    assert "score__x" not in filled.export(path, namespaces=[]).columns
    with pytest.raises(SchemaError, match="did you mean 'sequence'"):
        filled.export(path, columns=["sequense"])
    with pytest.raises(ValidationError, match="nonsense"):
        filled.export(path, where="nonsense > 1")
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("x.txt", {}, "(?s)nothing tells the format.*ends in .*[.]tsv"),
        ("x.xlsx", {}, "(?s)nothing tells the format.*ends in .csv"),
        ("x.csv", {"format": "xlsx"}, "format 'xlsx' is unknown"),
        ("x.parquet.gz", {}, "Parquet is compressed inside"),
        (".", {"format": "csv"}, "is a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    filled: Dataset, tmp_path: Path, name: str, options: dict, says: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValidationError, match=says):
        filled.export(folder / name, **options)
    assert names(folder) == []


def test_no_file_is_put_into_a_dataset(filled: Dataset) -> None:
    before = contents(filled)
    for name in ("records.parquet", "_derived/new.parquet", "x.csv"):
        with pytest.raises(ValidationError, match="in which only usr writes"):
            filled.export(filled.dir / name)
    assert contents(filled) == before


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
    filled: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x.csv").write_text("old")
    calls = []

    def fail(*_: object) -> None:
        calls.append(names(folder))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left on device; nothing was written"):
        filled.export(folder / "x.csv")
    assert names(folder) == ["x.csv"]
    assert (folder / "x.csv").read_text() == "old"
    (hidden,) = set(calls[0]) - {"x.csv"}
    assert hidden.startswith(".")
    assert not hidden.endswith(".csv")


def test_a_file_that_is_replaced_keeps_its_mode_and_a_link_its_target(
    filled: Dataset, tmp_path: Path
) -> None:
    target = tmp_path / "x.csv"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(target)
    filled.export(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert target.read_text().startswith("id,")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_folder_that_is_not_there_is_a_typed_error(filled: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        filled.export(tmp_path / "nowhere" / "x.csv")


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.parquet", "x.fasta"])
def test_a_named_pipe_gets_the_bytes_of_a_file_and_stays_a_pipe(
    filled: Dataset, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    pipe = tmp_path / "out" / name
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        result = filled.export(pipe)
        came, _ = reader.communicate(timeout=60)
    filled.export(tmp_path / name)
    assert came == (tmp_path / name).read_bytes()
    assert (result.path, result.rows, result.bytes) == (str(pipe), 4, None)
    assert pipe.is_fifo()
    assert names(tmp_path / "out") == [name]


def test_a_device_stays_one_and_says_when_it_is_full(filled: Dataset) -> None:
    assert filled.export("/dev/null", format="csv").rows == 4
    assert Path("/dev/null").is_char_device()
    with pytest.raises(StorageError, match=r"^/dev/full: No space left on device\n"):
        filled.export("/dev/full", format="csv")
    assert Path("/dev/full").is_char_device()


def test_a_pipe_whose_reader_goes_away_is_a_typed_error(dataset: Dataset, tmp_path: Path) -> None:
    add(dataset, *(f"{number:016b}".translate({48: "A", 49: "C"}) for number in range(5000)))
    pipe = tmp_path / "x.csv"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(["head", "-c", "1", str(pipe)], stdout=subprocess.DEVNULL),
        pytest.raises(StorageError, match=r"x.csv: its reader went away before the end"),
    ):
        dataset.export(pipe)
    assert pipe.is_fifo()


def test_the_name_of_the_standard_output_is_the_standard_output(filled: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    out.write_text("before\n")
    code = f"from dnadesign.usr import Dataset; d = Dataset({str(filled.root)!r}, {filled.name!r})"
    with out.open("a") as handle:
        command = [sys.executable, "-c", f"{code}; print(d.export('/dev/stdout', format='csv').path)"]
        subprocess.run(command, check=True, stdout=handle)
    lines = out.read_text().splitlines()
    assert (lines[0], lines[1][:3], len(lines), lines[-1]) == ("before", "id,", 7, "-")


def test_compressed_files_are_the_same_each_time(filled: Dataset, tmp_path: Path) -> None:
    filled.export(tmp_path / "a.csv.gz")
    filled.export(tmp_path / "b.csv.gz")
    filled.export(tmp_path / "x.csv")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == (tmp_path / "x.csv").read_bytes()


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "fasta"])
def test_the_standard_output_gets_the_same_bytes_as_a_file(
    filled: Dataset, tmp_path: Path, format: str
) -> None:
    filled.export(tmp_path / "x", format=format)
    code = f"from dnadesign.usr import Dataset; Dataset({str(filled.root)!r}, {filled.name!r})"
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}.export('-', format={format!r})"], check=True, capture_output=True
    )
    assert shown.stdout == (tmp_path / "x").read_bytes()
    assert shown.stderr == b""
    with pytest.raises(ValidationError, match="standard output: nothing tells the format"):
        filled.export("-")
