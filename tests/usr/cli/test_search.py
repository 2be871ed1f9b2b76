"""Looking for, summarising and exporting records on the command line."""

import csv
import gzip

import pyarrow.parquet as pq
import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.conftest import SEQUENCES
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


@pytest.fixture(autouse=True)
def _records(filled: Dataset) -> None:
    """Every test here looks at the three records."""


def test_grep_shows_a_row_a_match_and_fails_where_nothing_matches(program: Usr) -> None:
    found = program.run("grep", DATASET, "TTGACA", "-f", "jsonl").jsonl
    assert [(m["strand"], m["start"], m["end"], m["match"]) for m in found] == [("+", 0, 6, "TTGACA")]
    assert program.run("grep", DATASET, "TTTTTTTT", "-f", "jsonl", status=1).out == ""
    both = program.run("grep", DATASET, "WTTATA", "--kind", "iupac", "--strand", "both", "-f", "jsonl").jsonl
    assert [(m["strand"], m["start"], m["end"]) for m in both] == [("-", 6, 12)]
    more = program.run("grep", DATASET, "GGGG", "-c", "length,score__n", "-f", "json").json
    assert more[0]["length"] == 8


def test_a_wrong_pattern_or_condition_is_told_without_a_traceback(program: Usr) -> None:
    assert "no regular expression" in program.run("grep", DATASET, "(", status=3).err
    assert (
        "nope"
        in program.run("export", DATASET, "-", "--file-format", "csv", "--where", "nope = 1", status=3).err
    )
    assert "found 3 words" in program.run("grep", DATASET, "A", "B", status=2).err


def test_describe_counts_and_bounds_each_column(program: Usr) -> None:
    rows = {r["column"]: r for r in program.run("describe", DATASET, "-f", "json").json}
    assert (rows["length"]["count"], rows["length"]["min"], rows["length"]["max"]) == (3, "8", "40")
    assert rows["score__n"]["nulls"] == 2
    assert list(program.run("describe", DATASET, "-c", "length", "-f", "jsonl").jsonl[0]) == list(
        rows["length"]
    )


def test_export_writes_each_format_whole_and_the_standard_output_alone(program: Usr) -> None:
    assert program.run("export", DATASET, "all.csv.gz").err == f"{DATASET}: wrote 3 records to all.csv.gz\n"
    with gzip.open(program.folder / "all.csv.gz", "rt") as file:
        assert [r["sequence"] for r in csv.DictReader(file)] == list(SEQUENCES)
    program.run("export", DATASET, "some.parquet", "--where", "length < 40", "--columns", "sequence,score__n")
    assert pq.read_table(program.folder / "some.parquet").column("sequence").to_pylist() == list(
        SEQUENCES[1:]
    )
    told = program.run("export", DATASET, "x.jsonl", "-f", "json").json
    assert (told["rows"], told["format"]) == (3, "jsonl")
    assert not list(program.folder.glob(".*x.jsonl*"))


def test_fasta_goes_into_a_pipe_and_nothing_else_does(program: Usr) -> None:
    done = program.spawn("export", DATASET, "-", "--file-format", "fasta")
    lines = done.out.splitlines()
    assert [line for line in lines if not line.startswith(">")] == list(SEQUENCES)
    assert len(lines) == 6
    assert done.err == f"{DATASET}: 3 records\n"
