"""What a first-time user gets wrong, and is told about it."""

import json

import pytest

from dnadesign.usr import AlphabetError, Dataset, MissingKeyError, ValidationError, normalize_sequence
from dnadesign.usr.operations import summarise
from tests.usr.cli.console import Usr
from tests.usr.conftest import add

DATASET = "lab/promoters"


@pytest.fixture
def program(program: Usr, dataset: Dataset) -> Usr:
    return program


def imported(program: Usr, text: str, *options: str, status: int = 0, name: str = "mine.csv") -> str:
    (program.folder / name).write_text(text)
    return program.run("import", DATASET, name, *options, status=status).err


@pytest.mark.parametrize(
    ("sequence", "alphabet", "told"),
    [
        ("ACGU", "dna_4", "rna_4 (bio_type rna)"),
        ("ACGUN", "dna_5", "rna_5 (bio_type rna)"),
        ("ACGT", "rna_4", "dna_4 (bio_type dna)"),
        ("AC-GT", "dna_4", "remove the gaps"),
        ("ACGN", "dna_4", "dna_5 also takes N"),
        ("ACR", "dna_4", "R is an ambiguity code (A or G), which no alphabet takes"),
        ("acy", "rna_4", "Y is an ambiguity code (C or U)"),
        ("MKB", "protein_20", "B is an ambiguity code (D or N)"),
        ("MKX", "protein_20", "protein_21 also takes X"),
        ("MK*", "protein_20", "is a stop"),
        ("MEEPQSD", "dna_4", "protein_20 (bio_type protein)"),
        ("A1", "dna_4", "no alphabet takes it"),
    ],
)
def test_a_symbol_outside_the_alphabet_is_told_for_what_it_is(
    sequence: str, alphabet: str, told: str
) -> None:
    with pytest.raises(AlphabetError) as refused:
        normalize_sequence(sequence, alphabet.partition("_")[0], alphabet)
    assert told in str(refused.value.mend)


def test_a_wrong_alphabet_at_import_names_the_right_one(program: Usr) -> None:
    assert "rna_4" in imported(program, "sequence\nACGU\n", "--alphabet", "dna_4", status=3)


def test_proteins_that_look_like_dna_are_noted(program: Usr) -> None:
    told = imported(program, "sequence\nACGT\nGGCC\n", "--alphabet", "protein_20")
    assert "note: all its proteins consist of A, C, G, T, U and N alone" in told
    assert "--alphabet dna_4" in told
    assert "note" not in imported(program, "sequence\nACGT\nMEEP\n", "--alphabet", "protein_20",
                                  "--on-conflict", "ignore")  # fmt: skip


def test_a_file_without_rows_is_noted(program: Usr) -> None:
    assert "note: the file has no rows" in imported(program, "sequence\n", "--alphabet", "dna_4")


def test_records_that_differ_only_in_case_are_noted(program: Usr) -> None:
    told = imported(program, "sequence\nACGT\nacgt\nGGcc\n", "--alphabet", "dna_4")
    assert "note: 1 differs from another record only in case; see usr maintenance dedupe" in told
    assert "note: 1 differs" in imported(program, "sequence\nAcgt\n", "--alphabet", "dna_4")


def test_a_file_that_is_not_there_is_not_found(program: Usr) -> None:
    for words in (
        ("import", DATASET, "no.csv", "--alphabet", "dna_4"),
        ("import", DATASET, "no.parquet", "--alphabet", "dna_4"),
        ("attach", DATASET, "no.csv", "--namespace", "score"),
        ("get", DATASET, "--ids-from", "no.txt"),
    ):
        assert (
            f"{words[-1] if 'get' in words else words[2]}: no such file" in program.run(*words, status=4).err
        )


def test_a_forgotten_file_is_told_as_that(program: Usr) -> None:
    for words, what in (
        (("import", DATASET, "--alphabet", "dna_4"), "FILE"),
        (("attach", DATASET, "--namespace", "score"), "FILE"),
        (("export", DATASET), "FILE"),
        (("grep", DATASET), "PATTERN"),
        (("maintenance", "merge", DATASET, "--dry-run"), "OTHER"),
    ):
        told = program.run(*words, status=2).err
        assert f"{DATASET} is a dataset, and no {what} is given" in told
        assert f"mend: give both: {DATASET} {what}" in told
    assert "which dataset?" in program.run("export", "x.csv", status=2).err


def test_a_table_with_other_separators_is_told_as_that(program: Usr) -> None:
    for text, name, told in (
        ("sequence;gc\nACGT;1\n", "a.csv", "separated by semicolons, where commas are expected"),
        ("sequence\tgc\nACGT\t1\n", "b.csv", "separated by tabs, where commas are expected"),
        ("sequence,gc\nACGT,1\n", "c.tsv", "separated by commas, where tabs are expected"),
    ):
        assert told in imported(program, text, "--alphabet", "dna_4", name=name, status=3)
    assert "--file-format tsv" in program.run(
        "attach", DATASET, "b.csv", "--namespace", "score", status=3
    ).err  # fmt: skip


def test_columns_that_are_named_the_wrong_way_round_are_told(program: Usr) -> None:
    told = imported(program, "seq,gc\nACGT,1\n", "--alphabet", "dna_4", "--columns", "seq", status=3)
    assert "the file has seq, gc" in told
    assert "--columns seq=sequence" in told
    bare = imported(program, "seq,gc\nACGT,1\n", "--alphabet", "dna_4", status=3)
    assert "mend: say which column is which: --columns seq=sequence" in bare
    assert imported(program, "seq,gc\nACGT,1\n", "--alphabet", "dna_4", "--columns", "seq=sequence")


def test_describe_counts_what_differs_exactly_unless_that_would_cost(
    program: Usr, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(dataset, *("A" * n for n in range(1, 1001)))
    (row,) = program.run("describe", DATASET, "-c", "id", "-f", "json").json
    assert (row["distinct"], row["exact"]) == (1000, True)
    assert "~" not in program.run("describe", DATASET, "-c", "id").out
    monkeypatch.setattr(summarise, "EXACT_ROWS", 999)
    (about,) = program.run("describe", DATASET, "-c", "id", "-f", "json").json
    assert about["exact"] is False
    assert f"~{about['distinct']}" in program.run("describe", DATASET, "-c", "id").out


def test_columns_of_usrs_own_are_shown_where_they_say_something(program: Usr, dataset: Dataset) -> None:
    one, two = add(dataset, "ACGT", "GGCC")
    dataset.set_state(one, split="test")
    dataset.clear_state(one)
    dataset.tombstone(one)
    for command in ("head", "describe"):
        assert "usr_" not in program.run(command, DATASET).out
        assert "usr__deleted_at" in program.run(command, DATASET, "--include-deleted").out
    dataset.restore(one)
    for command in ("head", "describe"):
        assert "usr_" not in program.run(command, DATASET).out
        assert "usr__deleted_at" in program.run(command, DATASET, "--all-columns").out
        assert "usr__deleted" in program.run(command, DATASET, "-f", "csv").out
    dataset.set_state(two, masked=False)
    shown = program.run("head", DATASET).out
    assert "usr_state__masked" in shown
    assert "usr_state__split" not in shown


def test_head_takes_a_condition(program: Usr, dataset: Dataset) -> None:
    add(dataset, "A", "CC", "GGG", "TTTT")
    rows = program.run("head", DATASET, "--where", "length > 1", "-n", "2", "-f", "json").json
    assert [row["sequence"] for row in rows] == ["CC", "GGG"]
    assert dataset.head(1, where="length = 4", columns=["sequence"]).to_pydict() == {"sequence": ["TTTT"]}


def test_an_error_for_programs_spells_what_to_do_as_a_command_line(program: Usr) -> None:
    (program.folder / "u.xlsx").write_text("")
    told = program.run("import", DATASET, "u.xlsx", "--alphabet", "dna_4", "-f", "json", status=3).err
    assert "--file-format, one of" in json.loads(told)["error"]["mend"]


def test_what_to_do_is_told_in_the_words_of_whoever_asks(program: Usr, dataset: Dataset) -> None:
    (one,) = add(dataset, "ACGT")
    (program.folder / "s.csv").write_text(f"id,x\n{one},1\n{'0' * 40},1\n")
    attach = ("attach", DATASET, "s.csv", "--namespace", "score")
    assert "or attach it with --columns x=score__x" in program.run(*attach, status=3).err
    assert "pass --allow-missing to" in program.run(*attach, "--columns", "x=score__x", status=4).err
    with pytest.raises(MissingKeyError, match="pass allow_missing=True to"):
        dataset.attach(program.folder / "s.csv", namespace="score", columns={"x": "score__x"})
    assert '--where "length > 60' in program.run("head", DATASET, "--where", "1 +", status=3).err


def test_a_dataset_that_is_made_twice_is_told_with_a_command_that_exists(
    program: Usr, dataset: Dataset
) -> None:
    told = program.run("init", DATASET, status=3).err
    assert f"mend: look at it: usr info {DATASET}, or choose another name" in told
    program.run("info", DATASET)
    with pytest.raises(ValidationError, match=r"open it: Dataset\.open\(root, name\)"):
        dataset.init()


def test_a_reason_that_is_missing_is_told_with_an_example(program: Usr) -> None:
    told = program.run("maintenance", "overlay-remove", DATASET, "--namespace", "score", status=2).err
    assert """mend: say why: --reason "why"; see usr maintenance overlay-remove --help""" in told
