"""Importing files: what is taken, what is refused and where, and that a refused import changes nothing."""

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnadesign.usr import (
    AlphabetError,
    BatchConflict,
    CorruptFileError,
    Dataset,
    DatasetNotFound,
    DuplicateIDError,
    SchemaError,
    SequencesError,
    ValidationError,
    compute_id,
)
from dnadesign.usr.storage.filesystem import REAL, opened
from dnadesign.usr.storage.parquet import read_footer
from tests.usr.conftest import add
from tests.usr.operations.maintained import contents

WHEN = datetime(2025, 5, 1, 12, tzinfo=UTC)
ROWS = [
    {"sequence": "ACGT", "bio_type": "dna", "alphabet": "dna_4", "source": "lab", "created_at": WHEN},
    {"sequence": "MKX", "bio_type": "protein", "alphabet": "protein_21", "source": "db", "created_at": WHEN},
]
GENBANK = """\
LOCUS       AB1                        4 bp    DNA     linear   UNK 01-JAN-1980
ACCESSION   AB1
VERSION     AB1.1
ORIGIN
        1 acgt
//
"""


def last_event(dataset: Dataset) -> dict:
    found: dict = json.loads(dataset.events_path.read_bytes().splitlines()[-1])
    return found


def sequences(dataset: Dataset) -> list[str]:
    found: list[str] = dataset.to_arrow(["sequence"]).column(0).to_pylist()
    return found


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def table_file(folder: Path, ending: str) -> Path:
    path = folder / f"rows.{ending}"
    cells = [{**row, "created_at": WHEN.isoformat()} for row in ROWS]
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif ending == "jsonl":
        write(path, "".join(json.dumps(row) + "\n" for row in cells))
    else:
        separator = {"csv": ",", "tsv": "\t"}[ending]
        lines = [list(cells[0]), *([str(v) for v in row.values()] for row in cells)]
        write(path, "".join(separator.join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_that_says_everything_needs_no_options(dataset: Dataset, tmp_path: Path, ending: str) -> None:
    report = dataset.import_file(table_file(tmp_path, ending))
    assert (report.accepted, report.skipped, report.refused, report.ok) == (2, 0, 0, True)
    assert report.format == ending
    columns = list(ROWS[0])
    assert dataset.to_arrow(columns).to_pylist() == ROWS
    assert dataset.validate().ok


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.fa", ">a\nACGT\n"),
        ("x.fq", "@a\nACGT\n+\nIIII\n"),
        ("x.gb", GENBANK),
        ("x.csv", "sequence\nACGT\n"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_alphabet_is_never_guessed_and_implies_the_bio_type(
    dataset: Dataset, tmp_path: Path, name: str, text: str, packed: bool
) -> None:
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    before = contents(dataset)
    with pytest.raises(AlphabetError, match=r"nothing says which alphabet.*\n.*pass alphabet="):
        dataset.import_file(path)
    with pytest.raises(AlphabetError, match="never guessed"):
        dataset.import_file(path, bio_type="dna")
    assert contents(dataset) == before
    assert dataset.import_file(path, alphabet="dna_4").accepted == 1
    row = dataset.to_arrow(["sequence", "bio_type", "alphabet", "source"]).to_pylist()[0]
    expected = "acgt" if "gb" in name else "ACGT"
    assert row == {"sequence": expected, "bio_type": "dna", "alphabet": "dna_4", "source": path.name}


def test_one_import_is_one_event_with_true_numbers(dataset: Dataset, tmp_path: Path) -> None:
    add(dataset, "ACGT")
    size = dataset.records_path.stat().st_size
    path = write(tmp_path / "x.fa", ">a\nACGT\n>b\nGGGG\n>c\nGGGG\n>d\nAC-T\n")
    report = dataset.import_file(path, alphabet="dna_4", on_conflict="ignore", on_invalid="skip")
    assert (report.accepted, report.skipped, report.refused) == (1, 2, 1)
    event = last_event(dataset)
    assert event["action"] == "import_rows"
    assert event["metrics"] == {
        "rows": 1, "rows_incoming": 4, "rows_skipped": 2, "rows_refused": 1,
        "bytes": dataset.records_path.stat().st_size - size,
    }  # fmt: skip
    assert len(dataset.events_path.read_bytes().splitlines()) == 3
    assert sequences(dataset) == ["ACGT", "GGGG"]
    assert dataset.validate().ok


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        (
            "x.csv",
            "sequence\nACGT\nAC GT\n",
            AlphabetError,
            "line 3, column 'sequence': symbol ' ' at position 3",
        ),
        ("x.csv", "sequence\nACGT\n\nNN\n", AlphabetError, "line 4, column 'sequence': symbol 'N'"),
        ("x.csv", 'sequence,source\n"ACGT","a\nb"\nX,y\n', AlphabetError, "line 4, column 'sequence'"),
        ("x.csv", "sequence,source\nACGT\n", SchemaError, "line 2: has 1 cell, the header has 2"),
        (
            "x.csv",
            "sequence,length\nACGT,4\nAC,4\n",
            SchemaError,
            "line 3, column 'length': 4 is given, 2 follows",
        ),
        ("x.csv", "sequence,length\nAC,two\n", SchemaError, "line 2, column 'length': 'two' is not an int32"),
        ("x.csv", f"sequence,id\nAC,{'0' * 40}\n", SchemaError, "line 2, column 'id'"),
        ("x.csv", "sequence,created_at\nAC,2025-01-01\n", SchemaError, "line 2, column 'created_at'"),
        ("x.csv", "sequence,bio_type\nAC,rna\n", AlphabetError, "line 2, column 'alphabet'"),
        ("x.csv", "sequence,bio_type\nAC,DNA\n", AlphabetError, "line 2, column 'bio_type': 'DNA'"),
        ("x.csv", "sequence,source\n,lab\n", SchemaError, "line 2, column 'sequence': is empty"),
        ("x.csv", "sequences\nAC\n", SchemaError, "has no column 'sequence'; there are sequences"),
        ("x.csv", "sequence,gc\nAC,0.5\n", SchemaError, "column 'gc' is not a column of the base"),
        ("x.csv", "sequence,sequence\nAC,AC\n", SchemaError, "line 1: column 'sequence' is there twice"),
        ("x.csv", "", SchemaError, "is empty"),
        ("x.csv", 'sequence\n"ACGT\n', SchemaError, "line 2"),
        ("x.tsv", "sequence\tsource\nAC\tlab\nA-\tlab\n", AlphabetError, "line 3, column 'sequence'"),
        ("x.jsonl", '{"sequence": "AC"}\n{"sequence"\n', SchemaError, "line 2: not JSON"),
        ("x.jsonl", '{"sequence": "AC"}\n["AC"]\n', SchemaError, "line 2: expected a JSON object"),
        ("x.jsonl", '{"sequence": 5}\n', SchemaError, "line 1, column 'sequence'"),
        ("x.jsonl", '{"sequence": null}\n', SchemaError, "line 1, column 'sequence': is empty"),
        ("x.jsonl", '{"sequence": "AC", "sorce": "x"}\n', SchemaError, "did you mean 'source'"),
        (
            "x.fa",
            ">a\nAC\n>b\nA C\n",
            AlphabetError,
            "record 2 ('b'), column 'sequence': symbol ' ' at position 2",
        ),
        ("x.fa", ">a\nAC\n>\nAC\n", SchemaError, "record 2: the record has no name"),
        ("x.fa", ">a\n>b\nAC\n", AlphabetError, "record 1 ('a'), column 'sequence': the sequence is empty"),
        ("x.parquet", "not Parquet at all", CorruptFileError, "not a whole Parquet file"),
    ],
)
def test_what_is_wrong_is_named_by_file_place_and_column_and_changes_nothing(
    dataset: Dataset, name: str, text: str, error: type[SequencesError], says: str
) -> None:
    add(dataset, "TTTT")
    before = contents(dataset)
    path = write(dataset.root / name, text)
    with pytest.raises(error, match=re.escape(says)) as caught:
        dataset.import_file(path, alphabet="dna_4")
    assert str(path) in caught.value.message
    assert contents(dataset) == before


def test_a_parquet_file_of_other_types_is_refused_by_row(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"sequence": ["AC", None], "source": ["a", "b"]}), path)
    with pytest.raises(SchemaError, match="row 1, column 'sequence': is empty"):
        dataset.import_file(path, alphabet="dna_4")
    pq.write_table(pa.table({"sequence": [1, 2]}), path)
    with pytest.raises(SchemaError, match=r"x\.parquet, column 'sequence': expected string, found int64"):
        dataset.import_file(path, alphabet="dna_4")


def test_a_truncated_file_leaves_nothing_behind(dataset: Dataset, tmp_path: Path) -> None:
    text = "".join(f">r{i}\n{'ACGT' * (i + 1)}\n" for i in range(200))
    path = tmp_path / "x.fa.gz"
    path.write_bytes(gzip.compress(text.encode())[:-9])
    before = contents(dataset)
    with pytest.raises(CorruptFileError):
        dataset.import_file(path, alphabet="dna_4", on_invalid="skip")
    assert contents(dataset) == before


def test_wrong_rows_can_be_left_out_and_are_all_reported(dataset: Dataset, tmp_path: Path) -> None:
    text = "sequence,source,length\nACGT,a,4\nAXGT,b,4\nACG\nGGGG,c,x\n,d,0\nTTTT,e,5\nCCCC,f,4\n"
    report = dataset.import_file(write(tmp_path / "x.csv", text), alphabet="dna_4", on_invalid="skip")
    assert sequences(dataset) == ["ACGT", "CCCC"]
    assert (report.accepted, report.refused) == (2, 5)
    assert [(r.unit, r.number, r.column) for r in report.refusals] == [
        ("line", 3, "sequence"), ("line", 4, None), ("line", 5, "length"), ("line", 6, "sequence"),
        ("line", 7, "length"),
    ]  # fmt: skip
    assert json.loads(json.dumps(report.to_dict()))["refusals"][1]["reason"] == "has 1 cell, the header has 3"


def test_a_row_refused_for_several_reasons_counts_once(dataset: Dataset, tmp_path: Path) -> None:
    text = "sequence,bio_type,length\nA-,rnaa,x\n"
    report = dataset.import_file(write(tmp_path / "x.csv", text), alphabet="dna_4", on_invalid="skip")
    assert (report.accepted, report.refused, len(report.refusals)) == (0, 1, 1)


def test_a_dry_run_reports_everything_and_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    add(dataset, "AAAA")
    before = contents(dataset)
    path = write(tmp_path / "x.fa", ">a\nAAAA\n>b\nCCCC\n>c\nCCCC\n>d\nA-A\n>e\nGGGG\n")
    report = dataset.import_file(path, alphabet="dna_4", dry_run=True)
    assert (report.accepted, report.skipped, report.refused, report.dry_run, report.ok) == (
        2,
        2,
        1,
        True,
        False,
    )
    assert [(d.id, d.in_dataset, d.numbers) for d in report.duplicates] == [
        (compute_id("dna", "AAAA"), True, (1,)),
        (compute_id("dna", "CCCC"), False, (2, 3)),
    ]
    assert [(r.name, r.number) for r in report.refusals] == [("d", 4)]
    assert contents(dataset) == before
    lenient = dataset.import_file(
        path, alphabet="dna_4", dry_run=True, on_conflict="ignore", on_invalid="skip"
    )
    assert lenient.ok


def test_duplicates_are_errors_that_name_all_their_rows_or_are_skipped(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.csv", "sequence\nACGT\nGGGG\nACGT\n ACGT\n")
    before = contents(dataset)
    with pytest.raises(DuplicateIDError, match="more than once in the file: line 2, 4, 5"):
        dataset.import_file(path, alphabet="dna_4")
    assert contents(dataset) == before
    report = dataset.import_file(path, alphabet="dna_4", on_conflict="ignore")
    assert (report.accepted, report.skipped) == (2, 2)
    with pytest.raises(DuplicateIDError, match="in the dataset already: line 2"):
        dataset.import_file(write(tmp_path / "y.csv", "sequence\nACGT\n"), alphabet="dna_4")


def test_the_source_is_what_the_row_says_or_the_caller_or_the_name_of_the_file(
    dataset: Dataset, tmp_path: Path
) -> None:
    dataset.import_file(write(tmp_path / "a.csv", "sequence,source\nA,lab\nC,\n"), alphabet="dna_4")
    told = write(tmp_path / "b.csv", "sequence,source\nG,lab\nT,\n")
    dataset.import_file(told, alphabet="dna_4", source="told")
    dataset.import_file(write(tmp_path / "c.csv", "sequence\nAA\n"), alphabet="dna_4")
    assert dataset.to_arrow(["source"]).column(0).to_pylist() == ["lab", "", "lab", "told", "c.csv"]


def test_columns_of_other_names_can_be_mapped_and_the_rest_left_out(dataset: Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "Seq,gc,origin\nACGT,0.5,lab\n")
    with pytest.raises(SchemaError, match="has no column 'seq'"):
        dataset.import_file(path, alphabet="dna_4", columns={"sequence": "seq"})
    with pytest.raises(SchemaError, match=r"columns=\{'sequence': 'Seq'\}"):
        dataset.import_file(path, alphabet="dna_4", columns={"sequense": "Seq"})
    dataset.import_file(path, alphabet="dna_4", columns={"sequence": "Seq", "source": "origin"})
    assert dataset.to_arrow(["sequence", "source"]).to_pylist() == [{"sequence": "ACGT", "source": "lab"}]


def test_a_file_said_to_be_of_an_unknown_option_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "sequence\nACGT\n")
    with pytest.raises(ValidationError, match="on_invalid 'drop': expected"):
        dataset.import_file(path, alphabet="dna_4", on_invalid="drop")  # type: ignore[arg-type]  # as users do
    with pytest.raises(AlphabetError, match="'dna_9' is not an alphabet"):
        dataset.import_file(path, alphabet="dna_9")


def test_a_batch_is_imported_once_whatever_the_file_is_called(dataset: Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "sequence\nACGT\n")
    packed = tmp_path / "x.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    first = dataset.import_file(path, alphabet="dna_4", source="s", batch_id="b1")
    again = dataset.import_file(packed, alphabet="dna_4", source="s", batch_id="b1")
    assert (first.accepted, again.accepted, again.ok) == (1, 1, True)
    assert len(sequences(dataset)) == 1
    with pytest.raises(BatchConflict):
        dataset.import_file(write(path, "sequence\nACGG\n"), alphabet="dna_4", source="s", batch_id="b1")


def test_a_long_file_comes_in_whole_in_its_order_and_in_large_row_groups(
    dataset: Dataset, tmp_path: Path
) -> None:
    wanted = [f"{i:017b}".replace("0", "A").replace("1", "C") for i in range(50_000)]
    path = write(tmp_path / "x.csv", "sequence\n" + "\n".join(wanted) + "\n")
    assert dataset.import_file(path, alphabet="dna_4").accepted == len(wanted)
    assert sequences(dataset) == wanted
    with opened(REAL, dataset.records_path, "read") as file:
        assert read_footer(file).group_rows == (len(wanted),)


def test_after_an_import_parts_and_rows_find_their_keys(dataset: Dataset, tmp_path: Path) -> None:
    first = add(dataset, "AAAA")
    dataset.import_file(write(tmp_path / "x.csv", "sequence\nCCCC\nGGGG\n"), alphabet="dna_4")
    ids = [*first, compute_id("dna", "CCCC"), compute_id("dna", "GGGG")]
    dataset.write_overlay_part("score", pa.table({"id": ids, "score__n": [1, 2, 3]}))
    with pytest.raises(DuplicateIDError):
        add(dataset, "GGGG")
    assert dataset.to_arrow(["score__n"]).column(0).to_pylist() == [1, 2, 3]


def test_without_a_dataset_there_is_nothing_to_import_into(root: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "sequence\nACGT\n")
    for dry_run in (False, True):
        with pytest.raises(DatasetNotFound):
            Dataset(root, "nothing").import_file(path, alphabet="dna_4", dry_run=dry_run)
