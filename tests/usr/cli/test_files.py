"""Taking in files: what is read, what is left out, what is refused with its line and column."""

from pathlib import Path

import pytest

from dnadesign.usr import Dataset
from tests.usr.cli.console import Usr

DATASET = "lab/promoters"


@pytest.fixture
def ids(filled: Dataset) -> list[str]:
    return filled.to_arrow(["id"]).column("id").to_pylist()


@pytest.fixture
def more(program: Usr) -> str:
    """A namespace without rows yet."""
    program.run("namespace", "register", "more", "--columns", "more__a:int64,more__tags:list<string>")
    return "more"


def test_attach_reads_a_csv_by_the_types_of_the_registry(
    ids: list[str], more: str, program: Usr, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f'id,more__a,more__tags\n{ids[0]},7,"[""x""]"\n{ids[1]},,\n')
    told = program.run("attach", DATASET, "a.csv", "--namespace", more)
    assert "attached 2 rows to more" in told.err
    shown = program.run("head", DATASET, "-c", "more__a,more__tags", "-f", "jsonl").jsonl
    assert shown == [
        {"more__a": 7, "more__tags": ["x"]},
        {"more__a": None, "more__tags": None},
        {"more__a": None, "more__tags": None},
    ]


def test_attach_takes_columns_under_other_names_and_leaves_out_rows_without_a_record(
    ids: list[str], more: str, program: Usr, tmp_path: Path, filled: Dataset
) -> None:
    (tmp_path / "a.txt").write_text("sequence\tn\tother\nGGGGCCCC\t1\tx\nAAAA\t2\ty\n")
    result = program.run(
        *("attach", DATASET, "a.txt", "--namespace", more, "--key", "sequence", "--columns", "n=more__a"),
        *("--file-format", "tsv", "--allow-missing", "-f", "json"),
    ).json
    assert (result["rows"], result["rows_missing"], result["columns"]) == (1, 1, ["more__a"])


def test_a_dry_run_of_attach_says_what_would_be_attached(
    ids: list[str], more: str, program: Usr, tmp_path: Path, filled: Dataset
) -> None:
    before = filled.events_path.read_bytes()
    (tmp_path / "a.csv").write_text(f"id,more__a\n{ids[0]},7\n{ids[1]},x\n")
    told = program.run("attach", DATASET, "a.csv", "--namespace", more, "--dry-run", status=1)
    assert (
        told.out.splitlines()[0]
        == "refused: line 3, column 'more__a': 'x' is not an int64: expected a whole number"
    )
    assert "1 row for more (more__a), 1 of them new, 1 refused; nothing is changed yet" in told.err
    (tmp_path / "a.csv").write_text(f"id,more__a\n{ids[0]},7\n")
    good = program.run("attach", DATASET, "a.csv", "--namespace", more, "--dry-run", "-f", "json").json
    assert (good["ok"], good["rows"], good["refusals"]) == (True, 1, [])
    assert filled.events_path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("id,more__a\n{0},seven\n", (3, "line 2")),
        ("id,more__b\n{0},7\n", (3, "more__a")),
        ("id,more__a\n{2},7\n" + "0" * 40 + ",1\n", (4, "0" * 40)),
        ("name,more__a\nx,7\n", (3, "key column")),
    ],
)
def test_attach_refuses_what_does_not_fit_and_changes_nothing(
    text: str, refused: tuple[int, str], filled: Dataset, more: str, program: Usr
) -> None:
    before = filled.events_path.read_bytes()
    ids = filled.to_arrow(["id"]).column("id").to_pylist()
    (program.folder / "a.csv").write_text(text.format(*ids))
    status, told = refused
    assert told in program.run("attach", DATASET, "a.csv", "--namespace", more, status=status).err
    assert filled.events_path.read_bytes() == before


def test_a_file_that_is_not_there_is_told_by_name(more: str, program: Usr, filled: Dataset) -> None:
    result = program.run("attach", DATASET, "nope.csv", "--namespace", more, status=4)
    assert "nope.csv" in result.err
    assert "no such file" in result.err


def test_inside_a_dataset_only_the_file_need_be_named(
    ids: list[str], more: str, program: Usr, filled: Dataset
) -> None:
    (filled.dir / "a.csv").write_text(f"id,more__a\n{ids[2]},1\n")
    there = Usr(filled.dir, program.root)
    assert there.run("attach", "a.csv", "--namespace", more, "-f", "json").json["rows"] == 1
    assert (
        "expected [DATASET] FILE" in there.run("attach", DATASET, "a", "b", "--namespace", more, status=2).err
    )


def test_import_says_which_rows_it_took_and_why_not_the_others(
    dataset: Dataset, program: Usr, tmp_path: Path
) -> None:
    (tmp_path / "a.fasta").write_text(">one\nACGT\n>two\nACGTN\n>three\nACGT\n")
    words = ["import", DATASET, "a.fasta", "--alphabet", "dna_4"]
    dry = program.run(*words, "--dry-run", status=1)
    assert "record 2 ('two')" in dry.out
    assert "1 accepted, 1 skipped, 1 refused; nothing is changed yet" in dry.err
    assert "record 2" in program.run(*words, status=3).err
    assert dataset.to_arrow().num_rows == 0
    taken = program.run(*words, "--on-invalid", "skip", "--on-conflict", "ignore", "-f", "json").json
    assert (taken["accepted"], taken["skipped"], taken["refused"]) == (1, 1, 1)
    assert taken["duplicates"][0]["numbers"] == [1, 3]
    assert program.run("head", DATASET, "-f", "json").json[0]["source"] == "a.fasta"


def test_import_takes_columns_under_other_names_and_a_batch_once_only(
    dataset: Dataset, program: Usr, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Seq;n\n".replace(";", "\t") + "ACGT\t1\nTTTT\t2\n")
    words = [
        "import",
        DATASET,
        "a.txt",
        "--alphabet",
        "dna_4",
        "--columns",
        "Seq=sequence",
        "--file-format",
        "tsv",
    ]
    for _ in range(2):
        assert "2 accepted" in program.run(*words, "--batch-id", "first", "--source", "here").err
    assert dataset.info().rows == 2
    assert "batch" in program.run(*words, "--batch-id", "first", "--source", "there", status=3).err


def test_import_never_guesses_the_alphabet(dataset: Dataset, program: Usr, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sequence\nACGT\n")
    assert "--alphabet" in program.run("import", DATASET, "a.csv", status=3).err


def test_import_lists_the_first_rows_that_it_refuses_and_counts_the_rest(
    dataset: Dataset, program: Usr, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("sequence\n" + "ACGX\n" * 25)
    told = program.run("import", DATASET, "a.csv", "--alphabet", "dna_4", "--dry-run", status=1)
    assert len(told.out.splitlines()) == 1 + 20
    assert "and 5 more refused" in told.err
